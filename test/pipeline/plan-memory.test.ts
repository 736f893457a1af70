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
        }
      }),
    );
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
    expect(parts({ part: 'merge' })).toMatchObject({ networkBytes: 0, stripBytes: 0, viewBytes: 0 });
    expect(parts({ part: 'shard' })).toMatchObject({ vectorBytes: 0 });
    expect(parts({ preview: false }).rasterBytes).toBeLessThan(all.rasterBytes);
    expect(parts({ tta: 'd4' }).networkBytes).toBeGreaterThan(all.networkBytes);
    expect(parts({ blend: 'tapered' }).stripBytes).toBeGreaterThan(all.stripBytes);
    // Three processes, which share the context features of a row out among them.
    const three = parts({ workers: 3 }).networkBytes;
    expect(three).toBeGreaterThan(2.5 * all.networkBytes);
    expect(three).toBeLessThan(3 * all.networkBytes);
    const pixels = 4000 * 3000;
    const simplified = vectorDemand(['a.gpkg'], { simplify: { method: 'dp', toleranceM: 5 } }, pixels);
    expect(simplified.graphBytes).toBe(pixels);
    expect(parts({ vector: simplified }).vectorBytes).toBeGreaterThan(all.vectorBytes + pixels / 2);
    expect(parts({ vector: vectorDemand([], { mmu: { pixels: 9 } }, pixels) }).vectorBytes).toBe(0);
  });

  it('counts weights, maps and kept features of the network, for each process', () => {
    const small = estimateNetwork(manifest, { keptBytes: 0 });
    const wide = estimateNetwork({ ...manifest, window: 4 * manifest.window }, { keptBytes: 0 });
    // Attention over all positions grows with the fourth power of the window, everything else with the second.
    expect(wide.activationBytes / small.activationBytes).toBeGreaterThan(16);
    expect(wide.weightBytes).toBe(small.weightBytes);
    const batched = estimateNetwork(manifest, { keptBytes: 1000, batch: 4 });
    expect(batched.activationBytes / small.activationBytes).toBeCloseTo(4, 5);
    expect(batched.keptBytes).toBe(1000);
    // The full-size GID network's child was seen to take 2464 MiB.
    const published = estimateNetwork({ ...PUBLISHED_NETWORK, window: 512 }, { keptBytes: 0 });
    expect(published.totalBytes / MIB / 2464).toBeGreaterThan(1);
    expect(published.totalBytes / MIB / 2464).toBeLessThan(1.3);
  });
});
