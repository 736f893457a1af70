import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countPlaces, planFrusta } from '../../src/frustum/plan.ts';
import { createSlots, planContextSlots } from '../../src/pipeline/context-slots.ts';

describe('places of kept features', () => {
  it('give each key a place that no other key holds, and the longest unused one away where none may stay', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.constantFrom(...'abcdefgh'), { maxLength: 60 }),
        (capacity, keys) => {
          const slots = createSlots(capacity, capacity);
          const contents = new Map<number, string>();
          const recent: string[] = [];
          for (const key of keys) {
            const { slot, held } = slots.take(key, 0);
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

  it('stay with the first keys of a row until the next row, however long rows are', () => {
    const rows = fc.array(fc.record({ length: fc.integer({ min: 1, max: 9 }), times: fc.nat(4) }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(7), rows, (capacity, most, all) => {
        const passing = Math.max(1, capacity - most);
        const slots = createSlots(capacity, passing);
        const contents = new Map<number, string>();
        for (const [row, { length, times }] of all.entries()) {
          for (let time = 0; time <= times; time++) {
            let made = 0;
            for (let column = 0; column < length; column++) {
              const key = `${row}:${column}`;
              const { slot, held } = slots.take(key, row);
              expect(slot).toBeLessThan(capacity);
              if (held) expect(contents.get(slot)).toBe(key);
              else made++;
              contents.set(slot, key);
              // Neighbours that see the same window come one after the other.
              expect(slots.take(key, row)).toEqual({ slot, held: true });
            }
            const kept = length <= capacity ? length : capacity - passing;
            expect(made).toBe(time === 0 ? length : length - kept);
          }
        }
      }),
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
      passing: 1,
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

  it('are as many as a budget holds, those of the long windows first, and never fewer with more', () => {
    const plan = planFrusta({ ...gid, width: 30_000, height: 30_000, mode: 'centred', shareContext: 4 });
    const whole = planContextSlots(plan, network, 1, 2, Number.POSITIVE_INFINITY);
    expect(whole.long).toBe(countPlaces(plan, 2).columns);
    expect(whole.short).toBe(Math.ceil(countPlaces(plan, 1).columns / 2));
    expect(planContextSlots(plan, network, 1, 2, 0)).toEqual({
      short: 1,
      long: 1,
      passing: 1,
      keepsRows: false,
      bytes: 2 * 2 * each,
    });
    expect(planContextSlots(plan, network, 1, 2, 2 * each * 11.5)).toMatchObject({ short: 1, long: 10 });
    const all = 2 * each * (whole.long + 6);
    expect(planContextSlots(plan, network, 1, 2, all)).toMatchObject({ short: 6, long: whole.long });
    const settings = fc.record({
      shareContext: fc.integer({ min: 1, max: 4 }),
      orientations: fc.constantFrom(1, 8),
      workers: fc.integer({ min: 1, max: 4 }),
    });
    const budget = fc.integer({ min: 0, max: 1500 });
    fc.assert(
      fc.property(settings, budget, budget, ({ shareContext, orientations, workers }, a, b) => {
        const shared = planFrusta({ ...gid, width: 20_000, mode: 'centred', shareContext });
        const of = (mib: number) => planContextSlots(shared, network, orientations, workers, mib * 2 ** 20);
        const [less, more] = [of(Math.min(a, b)), of(Math.max(a, b))];
        expect(less.short).toBeLessThanOrEqual(more.short);
        expect(less.long).toBeLessThanOrEqual(more.long);
        expect(less.bytes).toBe((less.short + less.long) * workers * each);
        expect(less.bytes).toBeLessThanOrEqual(Math.max(Math.min(a, b) * 2 ** 20, of(0).bytes));
      }),
    );
  });
});
