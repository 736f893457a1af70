import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planFrusta } from '../../src/frustum/plan.ts';
import { createSlots, planContextSlots } from '../../src/pipeline/context-slots.ts';

describe('places of kept features', () => {
  it('give each key a place that no other key holds, and the longest unused one away', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.constantFrom(...'abcdefgh'), { maxLength: 60 }),
        (capacity, keys) => {
          const slots = createSlots(capacity);
          const contents = new Map<number, string>();
          const recent: string[] = [];
          for (const key of keys) {
            const { slot, held } = slots.take(key);
            expect(slot).toBeGreaterThanOrEqual(0);
            expect(slot).toBeLessThan(capacity);
            expect(held).toBe(recent.slice(-capacity).includes(key));
            if (held) expect(contents.get(slot)).toBe(key);
            contents.set(slot, key);
            const known = recent.indexOf(key);
            if (known >= 0) recent.splice(known, 1);
            recent.push(key);
          }
        },
      ),
    );
  });

  const gid = { width: 7168, height: 6800, window: 512, distances: [1, 3, 14], padTo: 512, stride: 128 };
  const network = { window: 512, architecture: { neck: { attention: 384 } } };
  const each = 2 * 384 * 64 * 64 * 4;

  it('are one a branch where nothing comes again in the next row, and a row of them where it does', () => {
    const plain = planFrusta({ ...gid, mode: 'reference' });
    expect(planContextSlots(plain, network, 1)).toEqual({
      short: 1,
      long: 1,
      keepsRows: false,
      bytes: 2 * each,
    });
    const shared = planFrusta({ ...gid, mode: 'reference', stride: 256, shareContext: 2 });
    const slots = planContextSlots(shared, network, 1);
    expect(slots.short).toBe(Math.ceil(shared.columns.length / 2));
    expect(slots.bytes).toBe((slots.short + 1) * each);
    expect(planContextSlots(shared, network, 8).long).toBe(8);
  });

  it('stay within half a gigabyte however wide the scene, and one each orientation', () => {
    for (const width of [7200, 72_000, 200_000]) {
      const plan = planFrusta({ ...gid, width, mode: 'centred', shareContext: 2 });
      const slots = planContextSlots(plan, network, 1);
      expect(slots.bytes).toBeLessThanOrEqual(512 * 1024 * 1024);
      expect(slots.short).toBeGreaterThanOrEqual(1);
      expect(planContextSlots(plan, network, 8).short).toBeGreaterThanOrEqual(8);
    }
  });
});
