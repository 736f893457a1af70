import { type Affine, isIdentity } from '../../core/affine.ts';
import type { ControlPoint } from '../../core/polynomial-warp.ts';
import type { Rpc } from '../../core/rpc.ts';
import type { GeoTiff } from '../../geotiff/open-geotiff.ts';
import { checkTransform } from '../../geotiff/read-transform.ts';
import { rpcFromNumbers } from '../../geotiff/rpc-numbers.ts';
import type { Beside } from './open-beside.ts';
import { parseRpcFile, rpcFromItems } from './parse-rpc-file.ts';
import { parseWorldFile } from './parse-world-file.ts';
import type { PlaceOptions } from './place-options.ts';
import type { PlaceRecord } from './place-record.ts';

/** What places the pixels of a file. */
export interface FoundPlace {
  readonly source: PlaceRecord['source'];
  /** The side file that it comes from, or `null`. */
  readonly file: string | null;
  readonly by:
    | { readonly kind: 'affine'; readonly transform: Affine }
    | { readonly kind: 'gcp'; readonly points: readonly ControlPoint[] }
    | { readonly kind: 'rpc'; readonly rpc: Rpc }
    | null;
}

/** The fewest control points that place an image. */
const FEWEST_POINTS = 3;

/**
 * The first thing that places a file's pixels, in the order of `placeScene`.
 * @throws FormatError where it is broken; SourceError
 */
export async function findPlace(
  tiff: GeoTiff,
  options: PlaceOptions,
  beside: Beside,
  warnings: string[],
): Promise<FoundPlace> {
  const { url } = tiff.info;
  const { transform: own, controlPoints, rpcNumbers } = tiff.georeference;
  const { aux } = beside;
  const affine = (source: PlaceRecord['source'], file: string | null, transform: Affine): FoundPlace => ({
    source,
    file,
    by: { kind: 'affine', transform },
  });
  if (options.transform !== undefined) {
    checkTransform(options.transform, url, '--transform');
    return affine('option', null, options.transform);
  }
  if (aux?.content.transform) return affine('side file GeoTransform', aux.url, aux.content.transform);
  // A transform of pixels onto themselves stands for none where anything else places them.
  if (own !== null && !isIdentity(own)) return affine('transform', null, own);
  const world = await beside.readWorldFile();
  if (world !== null) return affine('world file', world.url, parseWorldFile(world));

  const auxPoints = aux?.content.controlPoints ?? [];
  const [points, file] = auxPoints.length > 0 ? [auxPoints, aux!.url] : [controlPoints, null];
  if (points.length >= FEWEST_POINTS) return { source: 'control points', file, by: { kind: 'gcp', points } };
  if (points.length > 0) {
    const count = points.length === 1 ? 'one control point' : 'two control points';
    warnings.push(`${file ?? url}: it has ${count} only; ${FEWEST_POINTS} or more can place an image`);
  }
  const rpc = (source: string | null, model: Rpc): FoundPlace => ({
    source: 'rational polynomials',
    file: source,
    by: { kind: 'rpc', rpc: model },
  });
  const rpcFile = await beside.readRpcFile();
  if (rpcFile !== null) return rpc(rpcFile.url, parseRpcFile(rpcFile));
  if (rpcNumbers !== null) return rpc(null, rpcFromNumbers(rpcNumbers, url));
  if (aux?.content.rpc) return rpc(aux.url, rpcFromItems(aux.content.rpc, aux.url));
  return own === null ? { source: null, file: null, by: null } : affine('transform', null, own);
}
