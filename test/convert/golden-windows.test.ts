import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildGraphs } from '../../src/convert/build-graphs.ts';
import { readArchitecture } from '../../src/convert/network/read-architecture.ts';
import {
  difference,
  GOLDEN,
  openGolden,
  readBytes,
  readCase,
  readFloats,
  readWindow,
  sampleLike,
  upsample,
} from './support/golden.ts';
import { floats, openGraphs, runWindow } from './support/run-graphs.ts';

const cases = readdirSync(path.join(GOLDEN, 'windows')).sort();

describe('golden windows of the published code', () => {
  test.each(cases)('%s', async (name) => {
    const golden = readCase(name);
    const [height, width] = golden.size;
    const weights = await openGolden(
      golden.model,
      golden.model === 'tiny' ? 'published_torch2.pth' : undefined,
    );
    const architecture = await readArchitecture(weights, [1, 2, 3, 6]);
    const embedding = (i: number) => readFloats(golden, `scale_embed${i}`);
    const graphs = buildGraphs(
      weights,
      architecture,
      { height, width },
      {
        dtype: 'float32',
        mean: [123.675, 116.28, 103.53],
        deviation: [58.395, 57.12, 57.375],
        scoreStride: 4,
        labels: true,
        debug: true,
        ...(golden.scale_embed === 'arrays' && {
          scaleEmbeddings: [embedding(0), embedding(1), embedding(2)],
        }),
      },
    );
    const windows = [readWindow(golden, 0), readWindow(golden, 1), readWindow(golden, 2)] as const;
    const { long, short, local } = await runWindow(await openGraphs(graphs), windows, golden.size);

    const inner = {
      main0: local.main0,
      main1: local.main1,
      main2: local.main2,
      main3: local.main3,
      sub1: short.sub,
      sub2: long.sub,
      ccsf: local.ccsf,
    };
    for (const [key, tensor] of Object.entries(inner)) {
      const sampled = sampleLike(floats(tensor), tensor!.dims.slice(1), golden.arrays[key]!);
      // Attention of these random networks is so sharp that CCSF magnifies rounding; its values reach 20.
      const tolerance = key === 'ccsf' ? 1e-3 : 1e-4;
      expect(difference(sampled, readFloats(golden, key)).max, key).toBeLessThanOrEqual(tolerance);
    }
    const low = local.scores!.dims.slice(1) as [number, number, number];
    const lowDifference = difference(
      sampleLike(floats(local.scores), low, golden.arrays.logits_low!),
      readFloats(golden, 'logits_low'),
    );
    expect(lowDifference.max).toBeLessThanOrEqual(1e-3);
    expect(lowDifference.mean).toBeLessThanOrEqual(5e-5);

    const logits = upsample(floats(local.scores), low, golden.size);
    const full = [low[0], height, width] as const;
    const { max, mean } = difference(
      sampleLike(logits, full, golden.arrays.logits!),
      readFloats(golden, 'logits'),
    );
    expect(max).toBeLessThanOrEqual(1e-3);
    expect(mean).toBeLessThanOrEqual(5e-5);

    const truth = readBytes(golden, 'pred');
    const labels = local.labels!.data as Uint8Array;
    const wrong = { outside: 0, inGraph: 0 };
    for (let p = 0; p < height * width; p++) {
      const { best, margin } = decide(logits, full, p);
      if (margin <= 2e-3) continue;
      if (best !== truth[p]) wrong.outside++;
      if (labels[p] !== truth[p]) wrong.inGraph++;
    }
    expect(wrong).toEqual({ outside: 0, inGraph: 0 });
  });
});

function decide(
  logits: Float32Array,
  [classes, height, width]: readonly [number, number, number],
  p: number,
): { best: number; margin: number } {
  let best = 0;
  let first = Number.NEGATIVE_INFINITY;
  let second = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) {
    const score = logits[c * height * width + p]!;
    if (score > first) {
      second = first;
      first = score;
      best = c;
    } else if (score > second) second = score;
  }
  return { best, margin: first - second };
}
