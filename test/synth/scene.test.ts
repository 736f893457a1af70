import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSynthScene, type SynthOptions } from '../../src/synth/scene.ts';

/** A whole scene in memory, and how its blocks came. */
function drain(options: SynthOptions, blockRows?: number) {
  const scene = createSynthScene(options);
  const { width, height } = scene.grid;
  const pixels = scene.bits === 8 ? new Uint8Array(width * height * 4) : new Uint16Array(width * height * 4);
  const labels = new Uint8Array(width * height);
  let y = 0;
  for (const block of scene.rows(blockRows)) {
    expect(block.y).toBe(y);
    expect(block.labels.length).toBe(block.rowCount * width);
    expect(block.pixels.length).toBe(block.rowCount * width * 4);
    expect(block.rowCount).toBe(Math.min(blockRows ?? 64, height - y));
    pixels.set(block.pixels, y * width * 4);
    labels.set(block.labels, y * width);
    y += block.rowCount;
  }
  expect(y).toBe(height);
  return { pixels, labels };
}

const sha256 = (data: Uint8Array | Uint16Array) =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex')
    .slice(0, 16);

describe('createSynthScene', () => {
  it('makes the same bits as ever: the shipped network was trained on them', () => {
    const wide = drain({ width: 2053, height: 130, seed: 101 });
    expect([sha256(wide.pixels), sha256(wide.labels)]).toEqual(['18723be2c3d3c5bb', '018181c108b0df60']);
    const small = drain({ width: 300, height: 260, seed: 7 });
    expect([sha256(small.pixels), sha256(small.labels)]).toEqual(['b23b7bbd4afd295d', '333933e73c167da7']);
    const deep = drain({ width: 300, height: 260, seed: 7, bits: 16 });
    expect([sha256(deep.pixels), sha256(deep.labels)]).toEqual(['040668525acac39a', '333933e73c167da7']);
  });

  it('gives another land for another seed, from the first to the last', () => {
    const hashes = [0, 1, 2, 2 ** 31, 2 ** 32 - 1].map((seed) =>
      sha256(drain({ width: 96, height: 96, seed }).pixels),
    );
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('does not depend on how rows are cut into blocks', () => {
    const options = { width: 150, height: 201, seed: 3 };
    const whole = drain(options, 201);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 250 }), (blockRows) => {
        const cut = drain(options, blockRows);
        expect(sha256(cut.pixels)).toBe(sha256(whole.pixels));
        expect(sha256(cut.labels)).toBe(sha256(whole.labels));
      }),
      { numRuns: 12, examples: [[1], [63], [64], [65], [200], [250]] },
    );
  });

  it('can be read twice, and by two readers in turns', () => {
    const scene = createSynthScene({ width: 70, height: 140, seed: 5 });
    const one = scene.rows(70)[Symbol.iterator]();
    const two = scene.rows(70)[Symbol.iterator]();
    for (let k = 0; k < 2; k++) expect(one.next().value).toEqual(two.next().value);
    expect(one.next().done).toBe(true);
  });

  it('makes the 16-bit form of the same light, bands in the order blue, green, red, NIR', () => {
    const eight = drain({ width: 120, height: 90, seed: 9 });
    const sixteen = drain({ width: 120, height: 90, seed: 9, bits: 16 });
    expect(sha256(eight.labels)).toBe(sha256(sixteen.labels));
    for (let k = 0; k < eight.pixels.length; k++) {
      const value = eight.pixels[k]!;
      const fine = sixteen.pixels[(k & ~3) + 3 - (k & 3)]!;
      if (value < 255) expect(Math.abs(fine - 4 * value)).toBeLessThanOrEqual(2);
    }
  });

  it.each([
    [1, 1],
    [1, 200],
    [200, 1],
    [65, 64],
    [17, 129],
  ])('makes a scene of %i x %i', (width, height) => {
    const { labels } = drain({ width, height, seed: 2 });
    expect(labels.every((label) => label >= 1 && label <= 5)).toBe(true);
  });

  it.each([1, 8, 12])('shows all five classes at 1536 x 1536, seed %i', (seed) => {
    const counts = new Array<number>(6).fill(0);
    for (const block of createSynthScene({ width: 1536, height: 1536, seed }).rows()) {
      for (const label of block.labels) counts[label] = counts[label]! + 1;
    }
    expect(counts[0]).toBe(0);
    for (const count of counts.slice(1)) expect(count / 1536 ** 2).toBeGreaterThan(0.02);
  });

  it('does not grow with the height of the scene', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const used = () => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const samples: number[] = [];
    for (const block of createSynthScene({ width: 96, height: 20_000, seed: 1 }).rows(500)) {
      if (block.y % 4000 === 2000) samples.push(used());
    }
    expect(samples.length).toBe(5);
    expect(Math.max(...samples) - samples[0]!).toBeLessThan(2e6);
  });

  it('is georeferenced: north-up UTM in metres', () => {
    const { grid } = createSynthScene({ width: 10, height: 20, seed: 1, pixelSizeM: 2.5 });
    expect(grid.crs).toMatchObject({ kind: 'projected', epsg: 32623, metresPerUnit: 1 });
    expect(grid.transform).toMatchObject({ a: 2.5, b: 0, d: 0, e: -2.5 });
  });

  it.each([
    [{ width: 0, height: 5, seed: 1 }, '/width'],
    [{ width: 5, height: 2.5, seed: 1 }, '/height'],
    [{ width: 5, height: 300_000, seed: 1 }, '/height'],
    [{ width: 5, height: 5, seed: Number.NaN }, '/seed'],
    [{ width: 5, height: 5, seed: 2 ** 32 }, '/seed'],
    [{ width: 5, height: 5, seed: -1 }, '/seed'],
    [{ width: 5, height: 5, seed: 1, pixelSizeM: 0 }, '/pixelSizeM'],
    [{ width: 5, height: 5, seed: 1, bits: 12 as 8 }, '/bits'],
  ])('refuses %o', (options, pointer) => {
    expect(() => createSynthScene(options)).toThrow(expect.objectContaining({ tag: 'ConfigError', pointer }));
  });

  it('refuses blocks without rows', () => {
    const scene = createSynthScene({ width: 5, height: 5, seed: 1 });
    expect(() => [...scene.rows(0)]).toThrow(expect.objectContaining({ tag: 'ConfigError' }));
  });
});
