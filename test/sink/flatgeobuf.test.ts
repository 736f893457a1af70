import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { deserialize } from 'flatgeobuf/lib/mjs/geojson.js';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { CoverageFeature, CoverageSpace } from '../../src/core/coverage.ts';
import { openFlatGeobufSink } from '../../src/sink/flatgeobuf.ts';
import { hilbert, orderByKey } from '../../src/sink/hilbert-order.ts';
import { levelSizes } from '../../src/sink/packed-rtree.ts';
import {
  bruteForce,
  CLASSES,
  coverageFeature,
  KINDS,
  polygonsOf,
  scatterFeatures,
  square,
} from '../support/coverage-features.ts';
import { needTool } from '../support/need-tool.ts';
import { readWithOgr } from '../support/ogr.ts';
import { WGS84, writeLayer } from './layers.ts';

const folder = mkdtempSync(join(tmpdir(), 'frustum-fgb-'));
afterAll(() => rmSync(folder, { recursive: true }));
// The reading library tells each step of its search.
vi.spyOn(console, 'debug').mockImplementation(() => undefined);

async function write(
  name: string,
  features: readonly CoverageFeature[],
  space: CoverageSpace = WGS84,
): Promise<string> {
  const path = join(folder, name);
  const sink = await openFlatGeobufSink({ path, space, classes: CLASSES, metadata: { model: 'm-1' } });
  expect(sink.path).toBe(path);
  return await writeLayer(sink, features);
}

interface Read {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly geometry: { readonly type: string; readonly coordinates: unknown };
}
type Header = Parameters<NonNullable<Parameters<typeof deserialize>[1] & object>['headerMetaFn'] & object>[0];

async function readAll(
  input: Uint8Array | ReadableStream,
  rect?: { minX: number; minY: number; maxX: number; maxY: number },
): Promise<{ features: Read[]; header: Header }> {
  const features: Read[] = [];
  let header: Header | undefined;
  const headerMetaFn = (meta: Header) => {
    header = meta;
  };
  const options = { headerMetaFn, ...(rect && { rect }) };
  // The library takes a plain array that begins where its memory begins; Node's buffers need not.
  const plain = input instanceof Uint8Array ? new Uint8Array(input) : input;
  for await (const feature of deserialize(plain, options)) features.push(feature as unknown as Read);
  return { features, header: header as Header };
}

const BOXES = [
  [0, 0, 20, 20],
  [-170, -80, 160, 71],
  [30.5, 12.25, 30.6, 12.5],
  [170, 75, 180, 90],
] as const;

const properties = (feature: CoverageFeature) => ({
  id: feature.id,
  class_id: feature.classId,
  class_name: feature.className,
  color: feature.color,
  pixel_count: feature.pixelCount,
  ...(feature.areaM2 !== null && {
    area_m2: 1234.568,
    perimeter_m: 321.988,
    mean_confidence: 200.3,
    min_confidence: 17,
  }),
  touches_edge: feature.touchesEdge,
});

describe('FlatGeobuf', () => {
  it("is read by the format's own library, whole and as a stream, every value as it was", async () => {
    const path = await write('kinds.fgb', KINDS);
    const whole = await readAll(readFileSync(path));
    const stream = await readAll(Readable.toWeb(createReadStream(path)) as ReadableStream);
    for (const { features } of [whole, stream]) {
      const byId = new Map(features.map((feature) => [feature.properties.id, feature]));
      expect(byId.size).toBe(KINDS.length);
      for (const kind of KINDS) {
        const read = byId.get(kind.id);
        expect(read?.properties).toEqual(properties(kind));
        expect(read?.geometry.type).toBe('MultiPolygon');
        expect(read?.geometry.coordinates).toEqual(polygonsOf(kind.geometry));
      }
    }
    const { header } = whole;
    expect(header.featuresCount).toBe(3);
    expect(header.indexNodeSize).toBe(16);
    expect(header.title).toBe('landcover');
    expect([...header.envelope!]).toEqual([-180, -1, 180, 54]);
    expect(header.crs).toMatchObject({ org: 'EPSG', code: 4326 });
    expect(header.crs?.wkt).toMatch(/^GEOGCS\["WGS 84"/);
    expect(JSON.parse(header.metadata!)).toEqual({ model: 'm-1', classes: CLASSES });
  });

  it('finds by its index what looking at every feature finds', async () => {
    const features = scatterFeatures(5000);
    const bytes = readFileSync(await write('many.fgb', features));
    for (const box of BOXES) {
      const [minX, minY, maxX, maxY] = box;
      const found = await readAll(bytes, { minX, minY, maxX, maxY });
      const ids = found.features.map((feature) => feature.properties.id as number);
      expect(ids.sort((p, q) => p - q)).toEqual(bruteForce(features, box));
    }
  });

  it('is the same, byte for byte, for the same features; features lie along the curve of the index', async () => {
    const features = scatterFeatures(700);
    const first = readFileSync(await write('again.fgb', features));
    expect(readFileSync(await write('again.fgb', features)).equals(first)).toBe(true);
    const { features: read } = await readAll(first);
    const step = (list: readonly (readonly number[])[]) =>
      list.slice(1).reduce((sum, [x, y], i) => sum + Math.hypot(x! - list[i]![0]!, y! - list[i]![1]!), 0);
    const corners = read.map(({ geometry }) => (geometry.coordinates as number[][][][])[0]![0]![0]!);
    const emitted = features.map(({ geometry }) => [...geometry.coordinates.slice(0, 2)]);
    expect(step(corners)).toBeLessThan(0.2 * step(emitted));
  });

  it.each([1, 15, 16, 17, 256, 257])('holds %i features', async (count) => {
    const features = scatterFeatures(count);
    const bytes = readFileSync(await write(`count-${count}.fgb`, features));
    expect((await readAll(bytes)).features).toHaveLength(count);
    const rect = { minX: -180, minY: -90, maxX: 180, maxY: 90 };
    expect((await readAll(bytes, rect)).features).toHaveLength(count);
  });

  it('may be empty', async () => {
    const { features, header } = await readAll(readFileSync(await write('empty.fgb', [])));
    expect(features).toEqual([]);
    expect(header.indexNodeSize).toBe(0);
  });

  it('holds features larger than its buffers, and more than it puts in order at a time', async () => {
    const points = 400_000;
    const disc = (x: number) =>
      Array.from({ length: points }, (_, i): [number, number] => {
        const angle = (2 * Math.PI * (i % (points - 1))) / (points - 1);
        return [x + Math.cos(angle), Math.sin(angle)];
      });
    const large = [40, -40, 20].map((x, i) => coverageFeature(i + 1, [[disc(x)]]));
    const path = await write('large.fgb', [...large, ...scatterFeatures(300)]);
    expect(statSync(path).size).toBeGreaterThan(16 << 20);
    const { features } = await readAll(readFileSync(path));
    expect(features).toHaveLength(303);
    for (const feature of large) {
      const read = features.find(({ properties: { id } }) => id === feature.id);
      const flat = Float64Array.from((read!.geometry.coordinates as number[][][][])[0]![0]!.flat());
      expect(Buffer.from(flat.buffer).equals(Buffer.from(feature.geometry.coordinates.buffer))).toBe(true);
    }
  });

  it('has no CRS in pixel space', async () => {
    const path = await write('pixel.fgb', [coverageFeature(1, [[square(0, -1)]])], { kind: 'pixel' });
    expect((await readAll(readFileSync(path))).header.crs).toBeNull();
  });

  it('leaves nothing behind when it is aborted, at any point', async () => {
    const path = join(folder, 'aborted', 'a.fgb');
    for (const finish of [false, true]) {
      const sink = await openFlatGeobufSink({ path, space: WGS84 });
      await sink.write(KINDS[0]!);
      if (finish) await sink.finish?.();
      await sink.abort();
      await sink.abort();
      expect(readdirSync(join(folder, 'aborted'))).toEqual([]);
    }
  });
});

describe.skipIf(!needTool('gdal-python'))('FlatGeobuf in GDAL', () => {
  it('is verified, has every value, and answers boxes from its index', async () => {
    const features = scatterFeatures(3000);
    const layer = readWithOgr(await write('gdal.fgb', features), 'landcover', BOXES);
    expect(layer.count).toBe(3000);
    expect(layer.fastSpatialFilter).toBe(true);
    expect(layer.geometryType).toBe('Multi Polygon');
    expect(layer.epsg).toBe('4326');
    // GDAL's filter goes on to the geometries themselves; of rectangles these are the boxes.
    BOXES.forEach((box, i) => {
      expect(layer.inBoxes[i]).toEqual(bruteForce(features, box));
    });
    const kinds = readWithOgr(await write('gdal-kinds.fgb', KINDS), 'landcover');
    for (const kind of KINDS) {
      const read = kinds.features.find((feature) => feature.properties.id === kind.id);
      expect(read?.geometry.coordinates).toEqual(polygonsOf(kind.geometry));
      expect(read?.properties.pixel_count).toBe(kind.pixelCount);
      expect(read?.properties.area_m2).toBe(kind.areaM2 === null ? null : 1234.568);
    }
    expect(kinds.fields).toMatchObject({
      id: 'Integer64',
      class_id: 'Integer',
      color: 'String',
      area_m2: 'Real',
    });
  });
});

describe('Hilbert order', () => {
  it('visits every place of a square once, each next to the one before', () => {
    // Places that share their upper bits with the origin fill the beginning of the curve.
    const side = 32;
    const places = new Map<number, [number, number]>();
    for (let x = 0; x < side; x++) for (let y = 0; y < side; y++) places.set(hilbert(x, y), [x, y]);
    expect(places.size).toBe(side * side);
    for (let key = 1; key < side * side; key++) {
      const [px, py] = places.get(key - 1)!;
      const [x, y] = places.get(key)!;
      expect(Math.abs(x - px) + Math.abs(y - py)).toBe(1);
    }
    expect(hilbert(65535, 0)).toBe(2 ** 32 - 1);
  });

  it('sorts like a stable sort', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }))),
        (keys) => {
          const expected = keys.map((_, i) => i).sort((p, q) => keys[p]! - keys[q]! || p - q);
          expect([...orderByKey(Uint32Array.from(keys))]).toEqual(expected);
        },
      ),
    );
  });

  it('has levels down to one root, also over a single feature', () => {
    expect(levelSizes(1, 16)).toEqual([1, 1]);
    expect(levelSizes(16, 16)).toEqual([16, 1]);
    expect(levelSizes(17, 16)).toEqual([17, 2, 1]);
    expect(levelSizes(5000, 16)).toEqual([5000, 313, 20, 2, 1]);
  });
});
