import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NODATA_CLASS } from '../../src/core/classes.ts';
import { createFaceTracer } from '../../src/vectorize/trace-faces.ts';
import { checkTrace, type Raster, randomRaster, rasterOf, seeded, traceAll } from './oracle.ts';

const arbitraryRaster = fc
  .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) })
  .chain(({ width, height }) =>
    fc
      .array(fc.constantFrom(0, 1, 2, NODATA_CLASS), { minLength: width * height, maxLength: width * height })
      .map((classes): Raster => ({ width, height, classes: Uint8Array.from(classes) })),
  );

describe('faces of a class raster', () => {
  it('equal a flood fill on 20,000 random rasters: pixels, borders, rings, pairing', () => {
    for (let seed = 0; seed < 20_000; seed++) {
      const raster = randomRaster(seed, 9);
      const wrong = checkTrace(raster);
      if (wrong.length > 0) expect.fail(`seed ${seed}: ${wrong.join('; ')}`);
    }
  });

  it('equal a flood fill on larger random rasters with confidences', () => {
    for (let seed = 0; seed < 150; seed++) {
      const raster = randomRaster(seed + 1e6, 60);
      const random = seeded(seed);
      const confidence = Uint8Array.from(raster.classes, () => Math.floor(random() * 256));
      const wrong = checkTrace(raster, confidence);
      if (wrong.length > 0) expect.fail(`seed ${seed}: ${wrong.join('; ')}`);
    }
  });

  it('equal a flood fill whatever fast-check thinks of', () => {
    fc.assert(
      fc.property(arbitraryRaster, (raster) => {
        expect(checkTrace(raster)).toEqual([]);
      }),
      { numRuns: 3000 },
    );
  });

  it('are the same, in the same order, however the rows are chunked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e9 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
        (seed, chunks) => {
          const raster = randomRaster(seed, 24);
          expect(traceAll(raster, raster.classes, chunks)).toEqual(traceAll(raster, raster.classes));
        },
      ),
      { numRuns: 500 },
    );
  });
});

const spiral = rasterOf(
  '000000000',
  '011111110',
  '010000010',
  '010111010',
  '010101010',
  '010100010',
  '010111110',
  '010000000',
  '011111111',
);
const nested = rasterOf('0000000', '0111110', '0122210', '0123210', '0122210', '0111110', '0000000');

describe('particular rasters', () => {
  it.each<[string, Raster]>([
    ['one pixel', rasterOf('0')],
    ['one row', rasterOf('0011021.1')],
    ['one column', rasterOf(...'0011021.1')],
    ['a checkerboard', rasterOf('010101', '101010', '010101', '101010')],
    ['a spiral', spiral],
    ['holes in holes', nested],
    ['a comb', rasterOf('0101010', '0101010', '0000000')],
    ['a face that touches itself round a hole', rasterOf('00000', '01100', '00010', '00110', '00000')],
    ['a nodata frame', rasterOf('....', '.00.', '.01.', '....')],
    ['a nodata hole', rasterOf('000', '0.0', '000')],
    ['a row longer than one byte of run length', rasterOf('0'.repeat(20_000), `${'0'.repeat(19_999)}1`)],
  ])('%s', (_, raster) => {
    expect(checkTrace(raster)).toEqual([]);
  });

  it('rings of a nest: each face one shell and one hole, the innermost none', () => {
    expect(traceAll(nested).faces.map((f) => [f.classId, f.pixelCount, f.rings.length])).toEqual([
      [3, 1, 1],
      [2, 8, 2],
      [1, 16, 2],
      [0, 24, 2],
    ]);
  });

  it('keeps the T-junction as a point of the straight border opposite', () => {
    const { faces } = traceAll(rasterOf('00', '12'));
    expect(faces[0]!.rings).toEqual([
      [
        [0, 0],
        [0, 1],
        [1, 1],
        [2, 1],
        [2, 0],
      ],
    ]);
  });

  it('splits a ring that would touch itself into rings that touch in a point', () => {
    // The two 1-pixels touch at a corner; the 0-face holds both of the other wedges there.
    const { faces } = traceAll(rasterOf('0000', '0100', '0010', '0000'));
    const surrounding = faces.find((f) => f.classId === 0)!;
    expect(surrounding.rings.map((r) => r.length)).toEqual([4, 4, 4]);
  });

  it('a raster without valid pixels has no faces', () => {
    const { faces, counts } = traceAll({
      width: 3,
      height: 5,
      classes: new Uint8Array(15).fill(NODATA_CLASS),
    });
    expect(faces).toEqual([]);
    expect(counts).toMatchObject({ rows: 5, faces: 0, validPixels: 0, nodataPixels: 15 });
  });

  it('a raster without rows has no faces', () => {
    expect(createFaceTracer(4, () => expect.fail()).finish()).toMatchObject({ rows: 0, validPixels: 0 });
  });

  it('refuses blocks that are too short, and use after the end', () => {
    const tracer = createFaceTracer(4, () => undefined);
    expect(() => tracer.pushRows(new Uint8Array(7), null, 2)).toThrow(RangeError);
    tracer.finish();
    expect(() => tracer.finish()).toThrow(RangeError);
    expect(() => tracer.pushRows(new Uint8Array(4), null, 1)).toThrow(RangeError);
  });
});

describe('memory', () => {
  /** Bands of 500 rows with wavy faces and specks, each band closed by a full row, one below the other. */
  function peakOf(bands: number): Readonly<Record<string, number>> {
    const width = 300;
    const row = new Uint8Array(width);
    const tracer = createFaceTracer(width, () => undefined);
    for (let y = 0; y < bands * 500; y++) {
      const v = y % 500;
      for (let x = 0; x < width; x++) {
        row[x] = Math.floor(
          4 + Math.sin(x / 9 + Math.sin(v / 31) * 3) + Math.sin(v / 7 + Math.cos(x / 23) * 4),
        );
        if ((x * 7 + v * 13) % 101 === 0) row[x] = 9;
      }
      if (v === 499) row.fill(10);
      tracer.pushRows(row, null, 1);
    }
    return tracer.finish().peak;
  }

  it('does not grow with the height of the raster', () => {
    const low = peakOf(2);
    expect(low.arms).toBeGreaterThan(300);
    expect(peakOf(8)).toEqual(low);
  });
});
