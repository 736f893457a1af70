import { type Affine, applyAffine, invertAffine } from '../core/affine.ts';
import type { Crs } from '../core/crs.ts';
import { ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { LIMITS } from '../geotiff/limits.ts';

/** The grid of a file and the file's name. */
export interface NamedGrid {
  readonly url: string;
  readonly grid: Grid;
}

/** Where one file lies in a joined grid, in pixels. */
export interface Offset {
  readonly x: number;
  readonly y: number;
}

/** The union of several grids. */
export interface JoinedGrid {
  readonly grid: Grid;
  /** One a file, in the order given. */
  readonly offsets: readonly Offset[];
}

/** Pixels by which a corner may lie off the common grid. */
const TOLERANCE = 1e-3;

/**
 * Joins files that share a grid: one CRS, equal pixels, and corners on whole pixels of each other within a thousandth of a
 * pixel. The transform is that of the topmost (then leftmost) file, moved by whole pixels, whatever the order of the files.
 * @throws ConfigError naming two files, what differs and by how much
 */
export function joinGrids(files: readonly NamedGrid[]): JoinedGrid {
  const [first] = files as [NamedGrid, ...NamedGrid[]];
  if (files.length === 1) return { grid: first.grid, offsets: [{ x: 0, y: 0 }] };
  const origin = transformOf(first);
  const inverse = invertAffine(origin)!;
  const places = files.map((file) => {
    const transform = transformOf(file);
    checkCrs(first, file);
    return placeOf(first, origin, inverse, file, transform);
  });
  const left = Math.min(...places.map(({ x }) => x));
  const top = Math.min(...places.map(({ y }) => y));
  const width = Math.max(...places.map(({ x }, i) => x + files[i]!.grid.width)) - left;
  const height = Math.max(...places.map(({ y }, i) => y + files[i]!.grid.height)) - top;
  if (width > LIMITS.side || height > LIMITS.side) {
    throw gridError(
      `${files.length} files lie ${width} x ${height} pixels apart, more than one scene can have; do they belong together?`,
      files.map(({ url }) => url),
    );
  }
  const offsets = places.map(({ x, y }) => ({ x: x - left, y: y - top }));
  const anchor = offsets.reduce((best, { x, y }, i) => {
    const { x: bestX, y: bestY } = offsets[best]!;
    return y < bestY || (y === bestY && x < bestX) ? i : best;
  }, 0);
  const { crs } = files[anchor]!.grid;
  const transform = shiftAffine(transformOf(files[anchor]!), offsets[anchor]!);
  return { grid: { width, height, transform, crs }, offsets };
}

/** The transform of a grid that begins where pixel (x, y) of this one would end the way back to its own first. */
function shiftAffine(transform: Affine, { x, y }: Offset): Affine {
  if (x === 0 && y === 0) return transform;
  const [c, f] = applyAffine(transform, -x, -y);
  return { ...transform, c, f };
}

function transformOf({ url, grid }: NamedGrid): Affine {
  if (grid.transform !== null) return grid.transform;
  const why = grid.warp
    ? 'is placed by control points or a camera model, not by an affine transform'
    : 'has no georeferencing';
  throw gridError(
    `${url} ${why}, so it cannot be joined with other files; several files make one scene only on a shared grid`,
    url,
  );
}

function placeOf(
  first: NamedGrid,
  origin: Affine,
  inverse: Affine,
  file: NamedGrid,
  transform: Affine,
): Offset {
  const { width, height } = file.grid;
  const at = (column: number, row: number) => applyAffine(inverse, ...applyAffine(transform, column, row));
  const [x, y] = at(0, 0);
  const offset = { x: Math.round(x), y: Math.round(y) };
  const drift = Math.max(
    ...[at(width, 0), at(0, height)].map(([px, py], i) =>
      Math.max(Math.abs(px - x - (i === 0 ? width : 0)), Math.abs(py - y - (i === 1 ? height : 0))),
    ),
  );
  if (!(drift <= TOLERANCE)) throw shapeError(first, origin, file, transform, drift);
  const apart = [x - offset.x, y - offset.y] as const;
  if (apart.every((distance) => Math.abs(distance) <= TOLERANCE)) return offset;
  throw gridError(
    `${file.url} does not lie on the pixels of ${first.url}: it is off by ${apart.map((d) => format(d)).join(' and ')} of a pixel (columns, rows); warp it to the same grid first (gdalwarp -tap -tr)`,
    file.url,
  );
}

function shapeError(first: NamedGrid, origin: Affine, file: NamedGrid, transform: Affine, drift: number) {
  const sizeOf = (t: Affine) => [Math.hypot(t.a, t.d), Math.hypot(t.b, t.e)] as const;
  const [was, is] = [sizeOf(origin), sizeOf(transform)];
  const { width, height } = file.grid;
  const sizeDrift = Math.max(Math.abs(is[0] / was[0] - 1) * width, Math.abs(is[1] / was[1] - 1) * height);
  const text = (size: readonly [number, number]) => size.map((s) => format(s, 10)).join(' x ');
  const what =
    sizeDrift > TOLERANCE
      ? `pixels of ${text(is)} map units, ${first.url} has ${text(was)}`
      : `another rotation or direction than ${first.url} (${direction(transform)} and ${direction(origin)} degrees)`;
  return gridError(
    `${file.url} has ${what}: over its extent they part by ${format(drift)} pixels; files of one scene share one grid, so warp it to that of the others first (gdalwarp -tap -tr)`,
    file.url,
  );
}

/** Directions of a row and a column on the map, anticlockwise from east. */
function direction({ a, b, d, e }: Affine): string {
  const degrees = (y: number, x: number) => format((Math.atan2(y, x) * 180) / Math.PI, 7);
  return `${degrees(d, a)}/${degrees(e, b)}`;
}

function checkCrs(first: NamedGrid, file: NamedGrid): void {
  const [was, is] = [first.grid.crs, file.grid.crs];
  if (isSameCrs(was, is)) return;
  const name = (crs: Crs | null) => (crs === null ? 'no CRS' : `the CRS ${crs.name}`);
  throw gridError(
    `${file.url} has ${name(is)}, ${first.url} has ${name(was)}; files of one scene share one grid, so warp it to that of the others first (gdalwarp -t_srs)`,
    file.url,
  );
}

function isSameCrs(p: Crs | null, q: Crs | null): boolean {
  if (p === null || q === null) return p === q;
  if (p.epsg !== null && q.epsg !== null) return p.epsg === q.epsg;
  if (p.proj4 !== null && q.proj4 !== null) return p.kind === q.kind && p.proj4 === q.proj4;
  return p.name === q.name && JSON.stringify(p.geoKeys) === JSON.stringify(q.geoKeys);
}

function format(value: number, digits = 4): string {
  return String(Number(value.toPrecision(digits)));
}

function gridError(message: string, value: unknown): ConfigError {
  return new ConfigError(message, { pointer: '/scene', value });
}
