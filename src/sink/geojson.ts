import type { VectorSink } from '../core/ports.ts';
import { createBounds } from './bounds.ts';
import { openJsonFile } from './json-file.ts';
import { createFeatureWriter, type JsonSpace, PIXEL_SPACE_MEMBER } from './write-feature.ts';

// RFC 7946 left the older `crs` member out, but GDAL and QGIS still heed it: without it they take pixels for degrees.
const PIXEL_CRS_MEMBER =
  '"crs":{"type":"name","properties":{"name":"LOCAL_CS[\\"pixels\\",UNIT[\\"pixel\\",1]]"}}';

export interface GeoJsonSinkOptions {
  readonly path: string;
  /** Whether coordinates are longitude and latitude or pixel corners: GeoJSON knows no other CRS. */
  readonly space: JsonSpace;
  /** The collection's name, which GDAL and QGIS take as the layer's. */
  readonly name?: string;
  /** Facts about the run, kept as the foreign member `metadata`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * One GeoJSON FeatureCollection (RFC 7946), written as features come; its `bbox` stands at the end. The file appears
 * under its name when it is complete.
 * @throws SourceError if the file cannot be made.
 */
export async function openGeoJsonSink(options: GeoJsonSinkOptions): Promise<VectorSink> {
  const { path, space, name = 'landcover', metadata } = options;
  const bounds = createBounds();
  const file = await openJsonFile(path, () => {
    const box = bounds.box();
    return box === null ? '\n]}\n' : `\n],"bbox":${JSON.stringify(box)}}\n`;
  });
  const writeFeature = createFeatureWriter(file.json, space);
  let count = 0;
  file.json.text(
    `{"type":"FeatureCollection","name":${JSON.stringify(name)},` +
      (metadata === undefined ? '' : `"metadata":${JSON.stringify(metadata)},`) +
      (space.kind === 'pixel' ? `${PIXEL_SPACE_MEMBER},${PIXEL_CRS_MEMBER},` : '') +
      '"features":[\n',
  );
  return {
    path: file.path,
    space,
    write(feature) {
      if (count++ > 0) file.json.text(',\n');
      bounds.add(feature);
      writeFeature(feature);
      return file.settle();
    },
    finish: () => file.finish(),
    close: () => file.commit(),
    abort: () => file.abort(),
  };
}
