import { isFrustumError } from '../../core/errors.ts';
import type { GeoTiff } from '../../geotiff/open-geotiff.ts';
import type { OpenSourceOptions } from '../../io/open-source.ts';
import { localPathOf } from '../../io/urls.ts';
import { type AuxXml, parseAuxXml } from './parse-aux-xml.ts';
import type { PlaceOptions } from './place-options.ts';
import { nameSideFiles, readSideFile, type SideFile } from './side-files.ts';

/** The side files of a TIFF; world and RPC files are looked for when they are asked for. */
export interface Beside {
  readonly aux: { readonly url: string; readonly content: AuxXml } | null;
  readWorldFile(): Promise<SideFile | null>;
  readRpcFile(): Promise<SideFile | null>;
}

const WORLD_FILE_BYTES = 64 * 1024;
const RPC_FILE_BYTES = 1024 * 1024;
const AUX_XML_BYTES = 64 * 1024 * 1024;

/**
 * Looks beside a TIFF. Local side files cost nothing; remote ones a request each, so that they are asked for only where the
 * TIFF does not say where it lies.
 * @param warnings takes what a user should know
 * @throws FormatError where an `.aux.xml` is broken and the TIFF has no georeferencing of its own; SourceError
 */
export async function openBeside(
  tiff: GeoTiff,
  url: string,
  options: PlaceOptions,
  sourceOptions: OpenSourceOptions,
  warnings: string[],
): Promise<Beside> {
  const { transform, controlPoints, rpcNumbers } = tiff.georeference;
  const placed =
    options.transform !== undefined || transform !== null || controlPoints.length > 0 || rpcNumbers !== null;
  const local = localPathOf(url) !== null;
  if (placed && !local) return NOTHING;
  const names = nameSideFiles(url);
  if (names === null) {
    warnings.push(
      `${tiff.info.url}: it has no georeferencing, and side files (.tfw, .aux.xml, .RPB) are not looked for beside a URL with a query, which may be signed for the one file; copy them together, or give --transform and --crs`,
    );
    return NOTHING;
  }
  const auxFile = await readSideFile(names.auxXml, AUX_XML_BYTES, sourceOptions);
  let aux: Beside['aux'] = null;
  if (auxFile !== null) {
    try {
      aux = { url: auxFile.url, content: parseAuxXml(auxFile) };
    } catch (error) {
      // Where it is not needed, a broken one is no reason to stop, but said aloud. Wrong numbers in it are.
      if (!placed || !isFrustumError(error) || error.tag !== 'FormatError' || error.what !== 'XML')
        throw error;
      warnings.push(`${error.message}; it is ignored`);
    }
  }
  return {
    aux,
    readWorldFile: () => readSideFile(names.worldFile, WORLD_FILE_BYTES, sourceOptions),
    readRpcFile: () => readSideFile(names.rpc, RPC_FILE_BYTES, sourceOptions),
  };
}

const NOTHING: Beside = {
  aux: null,
  readWorldFile: async () => null,
  readRpcFile: async () => null,
};
