import { applyAffine, invertAffine } from '../../../src/core/affine.ts';
import type { Grid } from '../../../src/core/grid.ts';
import { createUnprojector } from '../../../src/vectorize/reproject.ts';
import { checkPolygons } from '../../vectorize/check-geometry.ts';
import { type ArchiveTile, signedArea, type TileRings } from './read-archive.ts';

const LOW = -64;
const HIGH = 4096 + 64;
/** Pixels of a zoom from the scene's edge where rounding, and edges drawn straight, leave open what belongs to it. */
const NEAR = 0.34;

/**
 * What is wrong with a tile of a scene without nodata. By exact arithmetic on whole units: polygons must be valid; each
 * edge is used once, and once the other way by the neighbour, unless it lies along the tile's (buffered) square or the
 * scene's edge; any place is within exactly one polygon if it is within the scene and the square, else in none.
 * @param validity whether to check each polygon, which takes the square of its points
 */
export function checkTile(tile: ArchiveTile, maxZoom: number, grid: Grid, validity = true): string[] {
  const near = NEAR * 2 ** (maxZoom - tile.zoom);
  const wrong: string[] = [];
  const polygons = tile.features.flatMap((feature) => feature.polygons);
  const name = `${tile.zoom}/${tile.column}/${tile.row}`;
  if (validity) {
    const closed = polygons.map((rings) => rings.map((ring) => [...ring, ring[0]!]));
    for (const complaint of checkPolygons(closed)) wrong.push(`${name}: ${complaint}`);
  }
  const toPixel = pixelFinder(tile, grid);
  let frame = 0;
  let seam = 0;
  let seamAtEdge = false;
  for (const [[x1, y1], [x2, y2]] of unpaired(polygons, wrong)) {
    // Where the world is cut, neighbours meet without having their points in common.
    const isSeam =
      x1 === x2 && (x1 === 0 ? tile.column === 0 : x1 === 4096 && tile.column === 2 ** tile.zoom - 1);
    if (isSeam) {
      seam += y2 - y1;
      // Less than half a unit of the scene may lie beyond, and be rounded away.
      seamAtEdge ||= isNearEdge(toPixel(x1, y1), grid, near) || isNearEdge(toPixel(x2, y2), grid, near);
      continue;
    }
    const onSquare = (x1 === x2 && (x1 === LOW || x1 === HIGH)) || (y1 === y2 && (y1 === LOW || y1 === HIGH));
    if (onSquare) continue;
    frame++;
    if (isNearEdge(toPixel((x1 + x2) / 2, (y1 + y2) / 2), grid, near)) continue;
    wrong.push(`${name}: edge ${x1},${y1} ${x2},${y2} has no other side`);
  }
  if (seam !== 0 && !seamAtEdge) wrong.push(`${name}: sides of the world's cut differ by ${seam}`);
  let inside = 0;
  for (let i = 0; i < 24; i++) {
    for (let j = 0; j < 24; j++) {
      // Between whole units: on no point, and hardly on an edge.
      const x = LOW + ((i + 0.5) * (HIGH - LOW)) / 24 + 0.137;
      const y = LOW + ((j + 0.5) * (HIGH - LOW)) / 24 + 0.291;
      const pixel = toPixel(x, y);
      if (isNearEdge(pixel, grid, near)) continue;
      const isIn = pixel[0] > 0 && pixel[0] < grid.width && pixel[1] > 0 && pixel[1] < grid.height;
      const count = polygons.filter((rings) => covers(rings, x, y)).length;
      if (count !== (isIn ? 1 : 0)) wrong.push(`${name}: ${x},${y} is in ${count} polygons`);
      if (isIn) inside++;
    }
  }
  if (polygons.length === 0) wrong.push(`${name}: empty`);
  const area = polygons.flat().reduce((sum, ring) => sum + signedArea(ring), 0);
  // Every sample stands for its share of the square.
  const share = ((HIGH - LOW) / 24) ** 2;
  if (inside === 576 && frame === 0 && area !== (HIGH - LOW) ** 2)
    wrong.push(`${name}: area ${area} of a full tile`);
  if (area < (inside - 60) * share) wrong.push(`${name}: area ${area} for ${inside} samples`);
  return wrong;
}

type Edge = readonly [readonly [number, number], readonly [number, number]];

function unpaired(polygons: readonly TileRings[], wrong: string[]): Edge[] {
  const edges = new Map<string, Edge>();
  for (const ring of polygons.flat()) {
    ring.forEach((from, i) => {
      const to = ring[(i + 1) % ring.length]!;
      const key = `${from} ${to}`;
      if (edges.has(key)) wrong.push(`edge ${key} twice`);
      edges.set(key, [from, to]);
    });
  }
  return [...edges.values()].filter(([from, to]) => !edges.has(`${to} ${from}`));
}

/** Even-odd. */
export function covers(rings: TileRings, x: number, y: number): boolean {
  let within = false;
  for (const ring of rings) {
    ring.forEach(([ax, ay], i) => {
      const [bx, by] = ring[(i + 1) % ring.length]!;
      if (ay > y !== by > y && x < ax + ((y - ay) * (bx - ax)) / (by - ay)) within = !within;
    });
  }
  return within;
}

/** The way from units of a tile to columns and rows of the scene. */
function pixelFinder({ zoom, column, row }: ArchiveTile, grid: Grid) {
  const world = 4096 * 2 ** zoom;
  const unproject = createUnprojector(grid.crs!);
  const back = invertAffine(grid.transform!)!;
  return (x: number, y: number): [number, number] => {
    const longitude = ((column * 4096 + x) / world) * 360 - 180;
    const mercator = Math.PI * (1 - (2 * (row * 4096 + y)) / world);
    const latitude = (Math.atan(Math.sinh(mercator)) * 180) / Math.PI;
    const ways = [0, -360, 360].map((turn) => {
      const [mapX, mapY] = unproject(longitude + turn, latitude);
      return applyAffine(back, mapX, mapY);
    });
    const off = ([px]: [number, number]) => Math.max(0, -px, px - grid.width);
    return ways.reduce((best, way) => (off(way) < off(best) ? way : best));
  };
}

function isNearEdge([x, y]: [number, number], { width, height }: Grid, near: number): boolean {
  const outside = x < -near || x > width + near || y < -near || y > height + near;
  const inside = x > near && x < width - near && y > near && y < height - near;
  return !outside && !inside;
}
