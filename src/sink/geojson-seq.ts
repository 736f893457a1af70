import type { VectorSink } from '../core/ports.ts';
import { openJsonFile } from './json-file.ts';
import { createFeatureWriter, type JsonSpace } from './write-feature.ts';

/**
 * Newline-delimited GeoJSON (`.geojsonl`), one Feature a line; or, with record separators, a GeoJSON text sequence
 * (`.geojsons`, RFC 8142). The file appears under its name when it is complete.
 * @param options.space says whether coordinates are longitude and latitude or pixel corners; each feature is marked then.
 * @throws SourceError if the file cannot be made.
 */
export async function openGeoJsonSeqSink(options: {
  readonly path: string;
  readonly space: JsonSpace;
  readonly recordSeparators?: boolean;
}): Promise<VectorSink> {
  const file = await openJsonFile(options.path, () => '');
  const writeFeature = createFeatureWriter(file.json, options.space);
  const { recordSeparators = false } = options;
  return {
    path: file.path,
    space: options.space,
    write(feature) {
      if (recordSeparators) file.json.text('\x1e');
      writeFeature(feature);
      file.json.text('\n');
      return file.settle();
    },
    finish: () => file.finish(),
    close: () => file.commit(),
    abort: () => file.abort(),
  };
}
