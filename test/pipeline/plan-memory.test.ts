import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planFrusta } from '../../src/frustum/plan.ts';
import { readModelManifest } from '../../src/model/read-manifest.ts';
import { estimateMemory, fullChoices, type MemoryDemand } from '../../src/pipeline/estimate-memory.ts';
import { estimateNetwork, PUBLISHED_NETWORK } from '../../src/pipeline/estimate-network.ts';
import { vectorDemand } from '../../src/pipeline/memory-demand.ts';
import { type AllowedMemory, fitMemory, openingChoices, planMemory } from '../../src/pipeline/plan-memory.ts';

const MIB = 1 << 20;
const manifest = await readModelManifest('models/sfrnet-mini-synth', false);

function demand(width: number, height: number, more: Partial<MemoryDemand> = {}): MemoryDemand {
  return {
    part: 'segment',
    scene: { width, height, decodedBytes: width * height * 4, blockBytes: 512 * 512 * 4 },
    plan: planFrusta({ ...manifest, width, height, stride: 64, mode: 'centred' }),
    model: { ...manifest, classCount: 6, scoreStride: 4 },
    blend: 'uniform',
    tta: 'none',
    outputs: { width, height },
    preview: true,
    vector: vectorDemand(['a.geojson'], {}, width * height),
    processors: 4,
    ...more,
  };
}

const allow = (bytes: number, promised = true): AllowedMemory => ({
  promisedBytes: promised ? bytes : null,
  bytes,
});
const total = (d: MemoryDemand, allowed: AllowedMemory) => fitMemory(d, allowed).estimate.totalBytes;

describe('a budget of memory', () => {
  const tall = demand(7200, 20_000, { processors: 2 });

  it('is kept by the plan, whatever it is, or the plan is the smallest that there is', () => {
    const smallest = fitMemory(tall, allow(1));
    expect(smallest.fits).toBe(false);
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 3000 }), fc.integer({ min: 0, max: 512 }), (mib, cache) => {
        const { choices, estimate, fits } = fitMemory(tall, allow(mib * MIB), cache * MIB);
        expect(choices.cacheBytes).toBeLessThanOrEqual(cache * MIB);
        if (fits) expect(estimate.totalBytes).toBeLessThanOrEqual(mib * MIB);
        else {
          expect(choices.cacheBytes).toBeLessThanOrEqual(16 * MIB);
          expect(choices.keptViews).toBe(smallest.choices.keptViews);
          expect(choices.keptFeatureBytes).toBe(smallest.choices.keptFeatureBytes);
        }
      }),
    );
  });

  /** Runs of many kinds: features of a context window are 16 KiB with the small network, 12 MiB with the published one. */
  const runs = fc
    .record({
      width: fc.integer({ min: 300, max: 20_000 }),
      height: fc.integer({ min: 300, max: 20_000 }),
      published: fc.boolean(),
      shareContext: fc.integer({ min: 1, max: 3 }),
      workers: fc.integer({ min: 1, max: 6 }),
      tta: fc.constantFrom('none' as const, 'd4' as const),
      part: fc.constantFrom('segment' as const, 'shard' as const, 'merge' as const),
      processors: fc.integer({ min: 1, max: 8 }),
    })
    .map(({ width, height, published, shareContext, ...more }) => {
      const form = published ? { ...PUBLISHED_NETWORK, window: 512 } : manifest;
      const { window } = form;
      return demand(width, height, {
        ...more,
        model: { ...form, classCount: 6, scoreStride: 4 },
        plan: planFrusta({
          ...{ width, height, window, distances: [1, 3, 14], padTo: window, stride: window / 2 },
          ...{ mode: 'centred', shareContext },
        }),
      });
    });

  it('that is smaller never gives a run that takes more, and any budget is kept if any choice keeps it', () => {
    let tight = 0;
    fc.assert(
      fc.property(runs, fc.integer({ min: -300, max: 1500 }), fc.nat(300), (run, share, step) => {
        const [smallest, full] = [total(run, allow(1)), total(run, allow(Number.POSITIVE_INFINITY))];
        const more = Math.max(1, Math.floor(smallest + (share / 1000) * (full - smallest)));
        const less = Math.max(1, more - step * MIB);
        const [a, b] = [fitMemory(run, allow(less)), fitMemory(run, allow(more))];
        expect(a.estimate.totalBytes).toBeLessThanOrEqual(b.estimate.totalBytes);
        for (const part of ['keptViews', 'decodeThreads'] as const) {
          expect(a.choices[part]).toBeLessThanOrEqual(fullChoices(run)[part]);
        }
        for (const [budget, { choices, estimate, fits }] of [
          [less, a],
          [more, b],
        ] as const) {
          expect(estimate).toEqual(estimateMemory(run, choices));
          expect(fits).toBe(estimate.totalBytes <= budget);
          // Fewer of anything, decode threads as the budget has them.
          const { decodeThreads } = choices;
          const none = estimateMemory(run, {
            ...{ cacheBytes: 16 * MIB, keptFeatureBytes: 0, decodeThreads },
            keptViews: Math.min(8, fullChoices(run).keptViews),
          });
          expect(fits).toBe(none.totalBytes <= budget);
          if (fits && choices.keptFeatureBytes < fullChoices(run).keptFeatureBytes) tight++;
        }
      }),
      { numRuns: 400 },
    );
    expect(tight).toBeGreaterThan(20);
  });

  it('shrinks kept features when the cache is at its least, and before it shrinks kept views', () => {
    const form = { ...PUBLISHED_NETWORK, window: 512 };
    const run = demand(20_000, 20_000, {
      model: { ...form, classCount: 6, scoreStride: 4 },
      plan: planFrusta({
        ...{ width: 20_000, height: 20_000, window: 512, distances: [1, 3, 14], padTo: 512 },
        ...{ stride: 256, mode: 'centred', shareContext: 3 },
      }),
      processors: 2,
    });
    const full = fitMemory(run, allow(Number.POSITIVE_INFINITY));
    const each = 2 * 384 * 64 * 64 * 4;
    const row = 2 * Math.ceil(run.plan.columns.length / 3);
    expect(full.choices.keptFeatureBytes).toBe(Math.min(row, Math.floor((512 * MIB) / each)) * each);
    expect(full.estimate.featureBytes).toBe(full.choices.keptFeatureBytes);
    const withLess = (bytes: number) => fitMemory(run, allow((full.estimate.totalBytes - bytes) / 0.9));
    const cacheGone = 240 * MIB;
    expect(withLess(cacheGone).choices.keptFeatureBytes).toBe(full.choices.keptFeatureBytes);
    const some = withLess(cacheGone + 5.5 * each);
    expect(some.choices.keptFeatureBytes).toBe(full.choices.keptFeatureBytes - 6 * each);
    expect(some.choices.keptViews).toBe(full.choices.keptViews);
    const few = withLess(cacheGone + full.choices.keptFeatureBytes - 2 * each + 10 * 512 * 512 * 3);
    expect(few.choices).toMatchObject({
      cacheBytes: 16 * MIB,
      keptFeatureBytes: 2 * each,
      keptViews: full.choices.keptViews - 10,
    });
  });

  it('shrinks the cache first, then kept views; decode threads by what is allowed at all', () => {
    const full = fitMemory(tall, allow(Number.POSITIVE_INFINITY));
    expect(full.choices).toEqual(fullChoices(tall));
    const tighter = fitMemory(tall, allow((full.estimate.totalBytes - 100 * MIB) / 0.9));
    const { cacheBytes, ...others } = full.choices;
    expect(tighter.choices).toMatchObject(others);
    expect(tighter.choices.cacheBytes / (cacheBytes - 100 * MIB)).toBeCloseTo(1, 5);
    const smallest = fitMemory(tall, allow(1)).choices;
    const least = estimateMemory(tall, { ...smallest, decodeThreads: 2 }).totalBytes;
    expect(fitMemory(tall, allow(least - 1)).fits).toBe(false);
    const tight = fitMemory(tall, allow((least + 4.5 * 128 * 128 * 3) / 0.9));
    expect(tight).toMatchObject({
      fits: true,
      choices: { keptViews: smallest.keptViews + 4, decodeThreads: 2 },
    });
    expect(openingChoices(allow(100 * MIB)).decodeThreads).toBe(0);
    expect(openingChoices(allow(100 * MIB)).cacheBytes).toBe(25 * MIB);
  });

  it('that is too small is refused before anything is begun, and says what would be taken for what', () => {
    const least = total(tall, allow(1));
    expect(() => planMemory(tall, allow(200 * MIB))).toThrow(
      expect.objectContaining({
        tag: 'ResourceError',
        allowed: 200 * MIB,
        used: expect.toSatisfy((used: number) => Math.abs(used - least) < 120 * MIB),
        message: expect.stringMatching(
          /takes up to \d+ MiB .*\(Node\.js \d+, network \d+.*\), and 200 MiB are promised \(--memory\): nothing was begun\. .*--stride/,
        ),
      }),
    );
    const { warnings } = planMemory(tall, allow(200 * MIB, false));
    expect(warnings).toEqual([expect.stringMatching(/container or control group may take 200 MiB/)]);
    expect(planMemory(tall, allow(3000 * MIB)).warnings).toEqual([]);
  });
});

describe('what a run will hold', () => {
  it('does not grow with the height of the scene once its cache is full', () => {
    const [low, high] = [demand(7200, 20_000), demand(7200, 200_000)].map((d) => estimateMemory(d));
    expect(high).toEqual(low);
    expect(estimateMemory(demand(14_400, 20_000)).totalBytes).toBeGreaterThan(low!.totalBytes);
  });

  it('is the sum of its parts, each there where it is held', () => {
    const parts = (more: Partial<MemoryDemand>) => estimateMemory(demand(4000, 3000, more));
    const { totalBytes, ...all } = parts({});
    expect(Object.values(all).reduce((sum, bytes) => sum + bytes, 0)).toBe(totalBytes);
    expect(Math.min(...Object.values(all))).toBeGreaterThan(0);
    expect(parts({ part: 'merge' })).toMatchObject({
      ...{ networkBytes: 0, featureBytes: 0, stripBytes: 0, viewBytes: 0 },
    });
    expect(parts({ part: 'shard' })).toMatchObject({ vectorBytes: 0 });
    expect(parts({ preview: false }).rasterBytes).toBeLessThan(all.rasterBytes);
    expect(parts({ tta: 'd4' }).featureBytes).toBeGreaterThan(all.featureBytes);
    expect(parts({ blend: 'tapered' }).stripBytes).toBeGreaterThan(all.stripBytes);
    // Of three processes.
    const three = parts({ workers: 3 }).networkBytes;
    expect(three).toBe(3 * all.networkBytes);
    const pixels = 4000 * 3000;
    const simplified = vectorDemand(['a.gpkg'], { simplify: { method: 'dp', toleranceM: 5 } }, pixels);
    expect(simplified.graphBytes).toBe(pixels);
    expect(parts({ vector: simplified }).vectorBytes).toBeGreaterThan(all.vectorBytes + pixels / 2);
    expect(parts({ vector: vectorDemand([], { mmu: { pixels: 9 } }, pixels) }).vectorBytes).toBe(0);
  });

  it('counts weights and maps of the network, for each process', () => {
    const small = estimateNetwork(manifest, {});
    const wide = estimateNetwork({ ...manifest, window: 4 * manifest.window }, {});
    // Attention over all positions grows with the fourth power of the window, everything else with the second.
    expect(wide.activationBytes / small.activationBytes).toBeGreaterThan(16);
    expect(wide.weightBytes).toBe(small.weightBytes);
    const batched = estimateNetwork(manifest, { batch: 4 });
    expect(batched.activationBytes / small.activationBytes).toBeCloseTo(4, 5);
    // The full-size GID network's child was seen to take 2464 MiB.
    const published = estimateNetwork({ ...PUBLISHED_NETWORK, window: 512 }, {});
    expect(published.totalBytes / MIB / 2464).toBeGreaterThan(1);
    expect(published.totalBytes / MIB / 2464).toBeLessThan(1.3);
  });
});
