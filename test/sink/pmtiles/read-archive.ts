import { open } from 'node:fs/promises';
import { VectorTile } from '@mapbox/vector-tile';
import { PbfReader } from 'pbf';
import { type Header, PMTiles, type RangeResponse, type Source } from 'pmtiles';

/** A polygon's rings in units of its tile, shell first, not closed. */
export type TileRings = [number, number][][];

export interface TileFeature {
  readonly id: number | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly polygons: readonly TileRings[];
}

export interface ArchiveTile {
  readonly zoom: number;
  readonly column: number;
  readonly row: number;
  readonly features: readonly TileFeature[];
}

export interface Archive {
  readonly header: Header;
  readonly metadata: Record<string, unknown>;
  readonly tiles: readonly ArchiveTile[];
}

class FileSource implements Source {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
  getKey(): string {
    return this.path;
  }
  async getBytes(offset: number, length: number): Promise<RangeResponse> {
    const file = await open(this.path);
    const data = new Uint8Array(length);
    const { bytesRead } = await file.read(data, 0, length, offset);
    await file.close();
    return { data: data.buffer.slice(0, bytesRead) };
  }
}

/** Everything in an archive, by the readers that web maps use. Tiles are found by asking for all children of tiles. */
export async function readArchive(path: string): Promise<Archive> {
  const archive = new PMTiles(new FileSource(path));
  const header = await archive.getHeader();
  const tiles: ArchiveTile[] = [];
  let asked: [number, number][] = [];
  for (let zoom = header.minZoom; zoom <= header.maxZoom; zoom++) {
    if (zoom === header.minZoom) asked = startTiles(header, zoom);
    const found: [number, number][] = [];
    for (const [column, row] of asked) {
      const answer = await archive.getZxy(zoom, column, row);
      if (answer === undefined) continue;
      found.push([column, row]);
      tiles.push({ zoom, column, row, features: decodeTile(new Uint8Array(answer.data)) });
    }
    const children = found.flatMap(([x, y]) =>
      [-1, 0, 1, 2].flatMap((dx) => [-1, 0, 1, 2].map((dy) => [2 * x + dx, 2 * y + dy])),
    );
    const world = 2 ** (zoom + 1);
    asked = [
      ...new Set(
        children.filter(([, y]) => y! >= 0 && y! < world).map(([x, y]) => `${(x! + world) % world},${y}`),
      ),
    ].map((key) => key.split(',').map(Number) as [number, number]);
  }
  return { header, metadata: (await archive.getMetadata()) as Record<string, unknown>, tiles };
}

function startTiles({ minLon, minLat, maxLon, maxLat }: Header, zoom: number): [number, number][] {
  const world = 2 ** zoom;
  const column = (longitude: number) => Math.floor((longitude / 360 + 0.5) * world);
  const row = (latitude: number) =>
    Math.floor((0.5 - Math.asinh(Math.tan((latitude * Math.PI) / 180)) / (2 * Math.PI)) * world);
  const list: [number, number][] = [];
  for (let y = Math.max(0, row(maxLat) - 1); y <= Math.min(world - 1, row(minLat) + 1); y++)
    for (let x = Math.max(0, column(minLon) - 1); x <= Math.min(world - 1, column(maxLon) + 1); x++)
      list.push([x, y]);
  return list;
}

export function decodeTile(bytes: Uint8Array): TileFeature[] {
  const { layers } = new VectorTile(new PbfReader(bytes));
  if (Object.keys(layers).join() !== 'landcover') throw new Error(`layers ${Object.keys(layers)}`);
  const layer = layers.landcover!;
  if (layer.version !== 2 || layer.extent !== 4096)
    throw new Error('expected version 2 and an extent of 4096');
  return Array.from({ length: layer.length }, (_, i) => {
    const feature = layer.feature(i);
    if (feature.type !== 3) throw new Error(`feature of type ${feature.type}`);
    const polygons: TileRings[] = [];
    for (const ring of feature.loadGeometry()) {
      const points = ring.slice(0, -1).map(({ x, y }): [number, number] => [x, y]);
      if (signedArea(points) > 0) polygons.push([points]);
      else polygons[polygons.length - 1]!.push(points);
    }
    return { id: feature.id, properties: feature.properties, polygons };
  });
}

/** Positive for shells, as vector tiles have them: y goes down. */
export function signedArea(ring: readonly (readonly [number, number])[]): number {
  let sum = 0;
  ring.forEach(([x, y], i) => {
    const [nextX, nextY] = ring[(i + 1) % ring.length]!;
    sum += x * nextY - nextX * y;
  });
  return sum / 2;
}
