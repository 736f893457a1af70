import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateRasters, type LabelRows } from '../../src/evaluate/evaluate-rasters.ts';
import { formatEvaluation } from '../../src/evaluate/format-evaluation.ts';
import type { Evaluation, ScoreOptions } from '../../src/evaluate/score.ts';

/** Cuts a raster into blocks of the given heights, over and over. */
async function* rowsOf(
  data: readonly number[] | Uint8Array,
  width: number,
  heights: readonly number[],
): AsyncGenerator<LabelRows> {
  const height = data.length / width;
  for (let y = 0, i = 0; y < height; i++) {
    const rowCount = Math.min(heights[i % heights.length]!, height - y);
    yield { y, rowCount, classes: Uint8Array.from(data.slice(y * width, (y + rowCount) * width)) };
    y += rowCount;
  }
}

function evaluate(
  predicted: readonly number[],
  truth: readonly number[],
  width: number,
  options: ScoreOptions,
): Promise<Evaluation> {
  return evaluateRasters(rowsOf(predicted, width, [1, 3]), rowsOf(truth, width, [2]), options);
}

const water = { id: 1, name: 'water' };
const forest = { id: 2, name: 'forest' };
const town = { id: 3, name: 'town' };
const unlabeled = { id: 0, name: 'unlabeled' };

describe('evaluateRasters', () => {
  it('scores an example worked out by hand', async () => {
    // truth      water 4, forest 5, unlabeled 2, no data 1
    const truth = [1, 1, 1, 1, 2, 2, 2, 2, 2, 0, 0, 255];
    const predicted = [1, 1, 1, 2, 2, 2, 2, 0, 255, 1, 0, 2];
    const result = await evaluate(predicted, truth, 4, {
      classes: [unlabeled, water, forest, town],
      ignore: [0],
    });
    expect(result.pixels).toBe(9);
    expect(result.ignoredPixels).toBe(3);
    expect(result.ignoredValues).toEqual([0, 255]);
    expect(result.matrix.columns.map(({ name }) => name)).toEqual([
      'unlabeled',
      'water',
      'forest',
      'town',
      'no data',
    ]);
    expect(result.matrix.counts).toEqual([
      [0, 3, 1, 0, 0],
      [1, 0, 3, 0, 1],
      [0, 0, 0, 0, 0],
    ]);
    expect(result.overallAccuracy).toBeCloseTo(6 / 9, 12);
    const [w, f, t] = result.classes;
    expect(w).toMatchObject({ truthPixels: 4, predictedPixels: 3, precision: 1, recall: 3 / 4, iou: 3 / 4 });
    expect(w!.f1).toBeCloseTo(6 / 7, 12);
    expect(f).toMatchObject({ truthPixels: 5, predictedPixels: 4, precision: 3 / 4, recall: 3 / 5 });
    expect(f!.iou).toBeCloseTo(3 / 6, 12);
    expect(f!.f1).toBeCloseTo(6 / 9, 12);
    expect(t).toMatchObject({ truthPixels: 0, iou: null, f1: null, precision: null, recall: null });
    expect(result.averagedOver).toEqual([1, 2]);
    expect(result.meanIou).toBeCloseTo((3 / 4 + 1 / 2) / 2, 12);
    expect(result.meanF1).toBeCloseTo((6 / 7 + 2 / 3) / 2, 12);
    // chance = 4/9 * 3/9 + 5/9 * 4/9 = 32/81
    expect(result.kappa).toBeCloseTo((54 / 81 - 32 / 81) / (1 - 32 / 81), 12);
  });

  it('agrees with counting pixel by pixel, however the rasters are cut', async () => {
    const value = fc.constantFrom(0, 1, 2, 3, 255);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.tuple(value, value), { minLength: 36, maxLength: 36 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
        fc.subarray([0, 1, 2, 3]),
        async (width, height, pairs, cutsA, cutsB, ignore) => {
          const used = pairs.slice(0, width * height);
          const truth = used.map(([t]) => t);
          const predicted = used.map(([, p]) => p);
          const result = await evaluateRasters(rowsOf(predicted, width, cutsA), rowsOf(truth, width, cutsB), {
            classes: [unlabeled, water, forest, town],
            ignore,
          });
          const counted = used.filter(([t]) => t !== 255 && !ignore.includes(t));
          expect(result.pixels).toBe(counted.length);
          expect(result.ignoredPixels).toBe(used.length - counted.length);
          const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);
          expect(result.overallAccuracy).toEqual(
            share(counted.filter(([t, p]) => t === p).length, counted.length),
          );
          const ious: number[] = [];
          for (const { id, iou, f1, precision, recall } of result.classes) {
            expect(ignore.includes(id)).toBe(false);
            const both = counted.filter(([t, p]) => t === id && p === id).length;
            const either = counted.filter(([t, p]) => t === id || p === id).length;
            const inTruth = counted.filter(([t]) => t === id).length;
            const inPrediction = counted.filter(([, p]) => p === id).length;
            expect(iou).toEqual(share(both, either));
            expect(precision).toEqual(share(both, inPrediction));
            expect(recall).toEqual(share(both, inTruth));
            if (precision && recall) {
              expect(f1).toBeCloseTo((2 * precision * recall) / (precision + recall), 12);
            } else expect(f1).toEqual(either === 0 ? null : 0);
            if (inTruth > 0) ious.push(iou!);
          }
          if (ious.length === 0) expect(result.meanIou).toBeNull();
          else expect(result.meanIou).toBeCloseTo(ious.reduce((s, x) => s + x, 0) / ious.length, 12);
          const cells = result.matrix.counts.flat().reduce((sum, n) => sum + n, 0);
          expect(cells).toBe(result.pixels);
        },
      ),
    );
  });

  it('gives kappa 1 for full agreement, 0 for chance and below 0 for less', async () => {
    const options = { classes: [water, forest] };
    const truth = [1, 1, 2, 2];
    expect((await evaluate(truth, truth, 2, options)).kappa).toBe(1);
    expect((await evaluate([1, 2, 1, 2], truth, 2, options)).kappa).toBe(0);
    expect((await evaluate([2, 2, 1, 1], truth, 2, options)).kappa).toBe(-1);
    expect((await evaluate([1, 1], [1, 1], 2, options)).kappa).toBeNull();
  });

  it('takes means over given classes, without those that occur nowhere', async () => {
    const result = await evaluate([1, 1, 3, 2], [1, 1, 2, 2], 2, {
      classes: [unlabeled, water, forest, town],
      averageOver: [0, 2, 3],
    });
    expect(result.averagedOver).toEqual([2, 3]);
    expect(result.meanIou).toBe((1 / 2 + 0) / 2);
    expect(result.averaging).toBe('given classes');
  });

  it('can leave out predicted values, as the published FBPS figures do', async () => {
    const truth = [1, 1, 1, 2, 0];
    const predicted = [1, 0, 2, 2, 1];
    const classes = [unlabeled, water, forest];
    const kept = await evaluate(predicted, truth, 5, { classes, ignore: [0] });
    const dropped = await evaluate(predicted, truth, 5, { classes, ignore: [0], ignorePredicted: [0] });
    expect([kept.pixels, dropped.pixels]).toEqual([4, 3]);
    expect([kept.classes[0]!.iou, dropped.classes[0]!.iou]).toEqual([1 / 3, 1 / 2]);
  });

  it('survives rasters where nothing counts', async () => {
    const result = await evaluate([1, 2], [255, 255], 2, { classes: [water, forest] });
    expect(result).toMatchObject({
      pixels: 0,
      overallAccuracy: null,
      kappa: null,
      meanIou: null,
      meanF1: null,
    });
    expect(formatEvaluation(result)).toContain('OA -');
  });

  it.each([
    ['width', [1, 1, 1, 1, 1, 1], 3, [1, 1, 1, 1], 2, /3 pixels wide, the truth 2/],
    ['height', [1, 1, 1, 1], 2, [1, 1, 1, 1, 1, 1], 2, /the prediction ends after 2 rows/],
    ['height', [1, 1, 1, 1, 1, 1], 2, [1, 1, 1, 1], 2, /the truth ends after 2 rows/],
  ])('refuses rasters that differ in %s, and closes both', async (_, predicted, pw, truth, tw, message) => {
    const closed: string[] = [];
    async function* watched(name: string, rows: AsyncIterable<LabelRows>) {
      try {
        yield* rows;
      } finally {
        closed.push(name);
      }
    }
    const run = evaluateRasters(
      watched('predicted', rowsOf(predicted, pw, [1])),
      watched('truth', rowsOf(truth, tw, [1])),
      { classes: [water] },
    );
    await expect(run).rejects.toThrow(expect.objectContaining({ tag: 'ConfigError', pointer: '/truth' }));
    await expect(run).rejects.toThrow(message);
    expect(closed.sort()).toEqual(['predicted', 'truth']);
  });

  it('passes a failing stream on and closes the other', async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<LabelRows> {
      try {
        for (let y = 0; ; y++) yield { y, rowCount: 1, classes: Uint8Array.of(1) };
      } finally {
        closed = true;
      }
    }
    async function* broken(): AsyncGenerator<LabelRows> {
      yield { y: 0, rowCount: 1, classes: Uint8Array.of(1) };
      throw new Error('cut short');
    }
    await expect(evaluateRasters(endless(), broken(), { classes: [water] })).rejects.toThrow('cut short');
    expect(closed).toBe(true);
  });

  it.each([
    ['a truth value that is no class', [1], [7], {}, '/ignore'],
    ['a predicted value that is no class', [7], [1], {}, '/classes'],
    ['a mean over no class', [1], [1], { averageOver: [9] }, '/averageOver'],
    ['a mean over an ignored class', [1], [1], { ignore: [2], averageOver: [2] }, '/averageOver'],
  ])('refuses %s', async (_, predicted, truth, extra, pointer) => {
    await expect(evaluate(predicted, truth, 1, { classes: [water, forest], ...extra })).rejects.toThrow(
      expect.objectContaining({ tag: 'ConfigError', pointer }),
    );
  });
});

describe('formatEvaluation', () => {
  it('is a table of scores, the totals and the matrix', async () => {
    const result = await evaluate([1, 1, 2, 255], [1, 1, 2, 2], 2, { classes: [water, forest, town] });
    expect(formatEvaluation(result)).toBe(
      [
        'class        IoU      F1  precision  recall  truth px  predicted px',
        '1 water   100.00  100.00     100.00  100.00         2             2',
        '2 forest   50.00   66.67     100.00   50.00         2             1',
        '3 town *       -       -          -       -         0             0',
        '',
        'OA 75.00   kappa 0.6000   mIoU 75.00   mF1 83.33',
        'Means over 2 classes present in the truth (* not in the means); 4 pixels count, 0 are left out (truth value 255).',
        '',
        'truth \\ predicted  water  forest  town  no data',
        'water                  2       0     0        0',
        'forest                 0       1     0        1',
        'town                   0       0     0        0',
        '',
      ].join('\n'),
    );
  });
});
