import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapAhead } from '../../src/pipeline/map-ahead.ts';

describe('mapAhead', () => {
  it('keeps order, starts in order and never has more than depth + 1 items under way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }),
        fc.integer({ min: 0, max: 3 }),
        async (delays, depth) => {
          let underWay = 0;
          let most = 0;
          const startedAt: number[] = [];
          const results: number[] = [];
          const items = delays.map((ms, i) => ({ ms, i }));
          for await (const i of mapAhead(items, depth, async (item) => {
            startedAt.push(item.i);
            most = Math.max(most, ++underWay);
            await delay(item.ms);
            underWay--;
            return item.i;
          })) {
            results.push(i);
          }
          expect(results).toEqual(items.map((item) => item.i));
          expect(startedAt).toEqual(results);
          expect(most).toBeLessThanOrEqual(depth + 1);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('throws a failure in its turn, after the results before it', async () => {
    const seen: number[] = [];
    const run = async () => {
      for await (const i of mapAhead([0, 1, 2, 3], 2, async (i) => {
        if (i === 2) throw new Error('third');
        return i;
      })) {
        seen.push(i);
      }
    };
    await expect(run()).rejects.toThrow('third');
    expect(seen).toEqual([0, 1]);
  });

  it('waits for work under way when the consumer leaves early', async () => {
    let finished = 0;
    for await (const _ of mapAhead([0, 1, 2], 2, async () => {
      await delay(5);
      finished++;
    })) {
      break;
    }
    expect(finished).toBe(3);
  });
});
