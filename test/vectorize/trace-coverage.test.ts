import { describe, expect, it } from 'vitest';
import { NODATA_CLASS } from '../../src/core/classes.ts';
import type { CoverageFeature, CoverageSpace } from '../../src/core/coverage.ts';
import type { VectorSink } from '../../src/core/ports.ts';
import type { ClassRows } from '../../src/core/raster.ts';
import { createCoverageWriter } from '../../src/vectorize/coverage-writer.ts';
import { UNKNOWN_COLOR } from '../../src/vectorize/make-features.ts';
import { createProjector } from '../../src/vectorize/reproject.ts';
import { createCoverageTracer, traceCoverage } from '../../src/vectorize/trace-coverage.ts';
import { CLASSES, coverageOf, gridOf, LONLAT, northUp, projected, utm } from './grids.ts';
import { type Raster, randomRaster, rasterOf, seeded } from './oracle.ts';

async function* blocks(raster: Raster, confidence: Uint8Array, rowsEach: number): AsyncGenerator<ClassRows> {
  for (let y = 0; y < raster.height; y += rowsEach) {
    const rowCount = Math.min(rowsEach, raster.height - y);
    const [from, to] = [y * raster.width, (y + rowCount) * raster.width];
    yield {
      y,
      rowCount,
      classes: raster.classes.slice(from, to),
      confidence: confidence.slice(from, to),
    };
  }
}

const confidenceOf = (raster: Raster) => {
  const random = seeded(99);
  return Uint8Array.from(raster.classes, (c) => (c === NODATA_CLASS ? 0 : 50 + Math.floor(random() * 200)));
};

/** A sink that keeps what it gets, and asks to be waited for now and then. */
function listSink(
  space: CoverageSpace = { kind: 'wgs84' },
): VectorSink & { features: CoverageFeature[]; calls: string[] } {
  const features: CoverageFeature[] = [];
  const calls: string[] = [];
  let busy = false;
  return {
    path: 'memory',
    space,
    features,
    calls,
    write(feature) {
      if (busy) throw new Error('written to while busy');
      features.push(feature);
      if (features.length % 7 !== 0) return undefined;
      busy = true;
      return new Promise((resolve) =>
        setImmediate(() => {
          busy = false;
          resolve();
        }),
      );
    },
    close: async () => void calls.push('close'),
    abort: async () => void calls.push('abort'),
  };
}

describe('coverage features', () => {
  it('carry the attributes of their pixels', () => {
    const raster = rasterOf('001', '0.1', '991');
    const confidence = Uint8Array.from([10, 20, 30, 40, 0, 60, 70, 80, 90]);
    const { features, summary } = coverageOf(
      raster,
      gridOf(raster, LONLAT, northUp(10, 50, 0.1)),
      confidence,
    );
    expect(features.map(({ geometry: _, areaM2: __, perimeterM: ___, ...rest }) => rest)).toEqual([
      {
        id: 0,
        classId: 0,
        className: 'forest',
        color: '#117733',
        pixelCount: 3,
        meanConfidence: 70 / 3,
        minConfidence: 10,
        touchesEdge: true,
        belowMmu: false,
      },
      {
        id: 6,
        classId: 9,
        className: 'class 9',
        color: UNKNOWN_COLOR,
        pixelCount: 2,
        meanConfidence: 75,
        minConfidence: 70,
        touchesEdge: true,
        belowMmu: false,
      },
      {
        id: 2,
        classId: 1,
        className: 'water',
        color: '#3366aa',
        pixelCount: 3,
        meanConfidence: 60,
        minConfidence: 30,
        touchesEdge: true,
        belowMmu: false,
      },
    ]);
    expect(summary).toMatchObject({ rows: 3, faces: 3, validPixels: 8, nodataPixels: 1 });
    expect(summary.classes.map((c) => [c.classId, c.features, c.pixelCount, c.meanConfidence])).toEqual([
      [0, 1, 3, 70 / 3],
      [1, 1, 3, 60],
      [9, 1, 2, 75],
    ]);
    expect(summary.classes[0]!.areaM2).toBe(features[0]!.areaM2);
  });

  it('have no confidence where none was given', () => {
    const raster = rasterOf('01');
    const { features, summary } = coverageOf(raster, gridOf(raster, null, null));
    expect(features.map((f) => [f.meanConfidence, f.minConfidence])).toEqual([
      [null, null],
      [null, null],
    ]);
    expect(summary.classes.map((c) => c.meanConfidence)).toEqual([null, null]);
  });

  it('are the same pushed, pulled or written to sinks, in blocks of any size', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const raster = randomRaster(seed, 40);
      const grid = gridOf(raster, utm(32), northUp(500_000, 5_000_000, 10));
      const confidence = confidenceOf(raster);
      const expected = coverageOf(raster, grid, confidence);
      for (const rowsEach of [1, 3, 64]) {
        const pulled: CoverageFeature[] = [];
        for await (const f of traceCoverage(blocks(raster, confidence, rowsEach), grid, CLASSES))
          pulled.push(f);
        expect(pulled).toEqual(expected.features);
        const sinks = [listSink(), listSink()];
        const writer = createCoverageWriter({ grid, classes: CLASSES, sinks });
        for await (const rows of blocks(raster, confidence, rowsEach)) await writer.writeRows(rows);
        expect(await writer.close()).toEqual(expected.summary);
        for (const sink of sinks) {
          expect(sink.features).toEqual(expected.features);
          expect(sink.calls).toEqual(['close']);
        }
      }
    }
  });

  it('do not wait for the end of the raster', async () => {
    const width = 600;
    const sink = listSink({ kind: 'pixel' });
    const grid = { width, height: 1000, transform: null, crs: null };
    const writer = createCoverageWriter({ grid, classes: CLASSES, sinks: [sink], withConfidence: false });
    const bytes = new Uint8Array(width * 500);
    for (let y = 0; y < 500; y += 10) bytes[y * width + 5] = 1;
    await writer.writeRows({ y: 0, rowCount: 500, classes: bytes, confidence: bytes });
    expect(sink.features.length).toBe(50);
    expect(sink.features[0]!.meanConfidence).toBe(null);
    await writer.abort();
    expect(sink.calls).toEqual(['abort']);
  });

  it('leave the sinks open when finished but not closed', async () => {
    const raster = rasterOf('01', '22');
    const sink = listSink({ kind: 'pixel' });
    const writer = createCoverageWriter({
      grid: gridOf(raster, null, null),
      classes: CLASSES,
      sinks: [sink],
    });
    await writer.writeRows({ y: 0, rowCount: 2, classes: raster.classes, confidence: raster.classes });
    expect((await writer.finish()).faces).toBe(3);
    expect(sink.features.length).toBe(3);
    expect(sink.calls).toEqual([]);
  });

  it('refuse a raster that is cut short', () => {
    const tracer = createCoverageTracer({
      grid: { width: 2, height: 3, transform: null, crs: null },
      classes: CLASSES,
      onFeature: () => undefined,
    });
    tracer.pushRows(new Uint8Array(4), null, 2);
    expect(() => tracer.finish()).toThrow('expected 3 rows of the grid, got 2');
  });
});

describe('the way to longitude and latitude', () => {
  it('is the identity for WGS 84, whatever the numbers', () => {
    expect(createProjector(LONLAT)(190.123456789, -5)).toEqual([190.123456789, -5]);
  });

  it('goes through proj4 otherwise', () => {
    // As gdaltransform -s_srs EPSG:32723 -t_srs EPSG:4326 gives it.
    const [lon, lat] = createProjector(utm(23, true))(321_000, 7_395_000);
    expect(lon).toBeCloseTo(-46.7535947207073, 9);
    expect(lat).toBeCloseTo(-23.5454725310409, 9);
    expect(
      createProjector(projected('+proj=merc +a=6378137 +b=6378137 +units=m'))(20037508.342789244, 0)[0],
    ).toBeCloseTo(180, 9);
  });

  it('is not finite for coordinates that are not', () => {
    expect(createProjector(utm(23))(Number.NaN, 0)).toEqual([Number.NaN, Number.NaN]);
  });

  it('refuses a CRS it does not know, naming it', () => {
    const crs = { ...utm(23), name: 'Local grid', proj4: null };
    expect(() => createProjector(crs)).toThrow(
      expect.objectContaining({ tag: 'UnsupportedError', feature: 'CRS Local grid' }),
    );
    expect(() => createProjector({ ...crs, proj4: '+proj=nonsense' })).toThrow(/is not understood.*gdalwarp/);
  });

  it('refuses pixels that have no place on the Earth, and grids without extent', () => {
    const raster = rasterOf('0');
    const ortho = projected('+proj=ortho +lat_0=0 +lon_0=0 +datum=WGS84');
    expect(() => coverageOf(raster, gridOf(raster, ortho, northUp(9e6, 9e6, 1000)))).toThrow(
      expect.objectContaining({ tag: 'UnsupportedError' }),
    );
    const flat = { a: 10, b: 10, c: 0, d: 10, e: 10, f: 0 };
    expect(() => coverageOf(raster, gridOf(raster, utm(32), flat))).toThrow(
      expect.objectContaining({ tag: 'UnsupportedError', feature: 'singular affine transform' }),
    );
  });
});
