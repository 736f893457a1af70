import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cutShardLists,
  formatShardList,
  joinPlanUrl,
  LONGEST_SHARD_LIST,
  splitPlanUrl,
} from '../../src/job/plan-url.ts';
import { chooseShardIndex } from '../../src/job/read-plan.ts';

const PLAN = 's3://maps/plans/1f2e3d4c5b6a.json';
const ascending = (max: number, maxLength: number) =>
  fc.uniqueArray(fc.nat(max), { minLength: 1, maxLength }).map((list) => list.sort((a, b) => a - b));

describe('shards in the URL of a plan', () => {
  it('are listed after a #', () => {
    expect(splitPlanUrl(PLAN)).toEqual({ url: PLAN, shards: null });
    expect(splitPlanUrl(`${PLAN}#3,7-9`)).toEqual({ url: PLAN, shards: [3, 7, 8, 9] });
    expect(splitPlanUrl('/jobs #1/plan.json')).toEqual({ url: '/jobs #1/plan.json', shards: null });
    expect(splitPlanUrl('a.json#1/plan.json#0')).toEqual({ url: 'a.json#1/plan.json', shards: [0] });
  });

  it('come back as they were', () => {
    fc.assert(
      fc.property(ascending(3000, 300), (shards) => {
        expect(splitPlanUrl(joinPlanUrl({ url: PLAN, shards }))).toEqual({ url: PLAN, shards });
      }),
    );
  });

  it.each(['', '3,', '3,3', '9-7', '4-6,5', 'x', '-1', '0-10000', '0-9999,10000', '1'.repeat(10)])(
    'are refused as %j',
    (list) => {
      expect(() => splitPlanUrl(`${PLAN}#${list}`)).toThrowError(
        expect.objectContaining({
          tag: 'ConfigError',
          message: expect.stringMatching(
            /^s3:\/\/maps\/plans\/1f2e3d4c5b6a\.json#.*: expected ascending shards/,
          ),
        }),
      );
    },
  );

  it('are refused in more text than a command line takes, and a signature is not shown', () => {
    const list = Array.from({ length: 1000 }, (_, i) => 10_000 + 2 * i).join(',');
    expect(list.length).toBeGreaterThan(LONGEST_SHARD_LIST);
    expect(() => splitPlanUrl(`${PLAN}#${list}`)).toThrow(/in 4000 characters$/);
    expect(() => splitPlanUrl('https://me:word@host/plan.json#x')).toThrow(/^https:\/\/host\/plan\.json#x: /);
  });

  it('are cut into lists that an array each can do: all of them, in order, none too large or too long', () => {
    const limits = fc.record({
      most: fc.integer({ min: 1, max: 50 }),
      longest: fc.integer({ min: 20, max: 90 }),
    });
    fc.assert(
      fc.property(ascending(800, 200), limits, (shards, limit) => {
        const lists = cutShardLists(shards, limit);
        expect(lists.flat()).toEqual(shards);
        for (const list of lists) {
          expect(list.length).toBeGreaterThan(0);
          expect(list.length).toBeLessThanOrEqual(limit.most);
          expect(formatShardList(list).length).toBeLessThanOrEqual(limit.longest);
        }
      }),
    );
    const many = Array.from({ length: 25_000 }, (_, i) => i);
    expect(cutShardLists(many).map((list) => list.length)).toEqual([10_000, 10_000, 5_000]);
  });
});

describe('which shard is meant', () => {
  const batch = (index: string) => ({ AWS_BATCH_JOB_ARRAY_INDEX: index });

  it('by an array child: its entry in the list, or its own number', () => {
    expect(chooseShardIndex(undefined, batch('2'), [3, 7, 8, 9])).toBe(8);
    expect(chooseShardIndex(undefined, batch('2'))).toBe(2);
    expect(chooseShardIndex(5, batch('2'), [3, 7, 8, 9])).toBe(5);
    expect(() => chooseShardIndex(undefined, batch('4'), [3, 7, 8, 9])).toThrow(
      /AWS_BATCH_JOB_ARRAY_INDEX is 4, and the plan's URL lists 4 shards: expected 0 to 3/,
    );
  });

  it('by a job of its own: the only one, and none if there are several', () => {
    expect(chooseShardIndex(undefined, {}, [7])).toBe(7);
    expect(() => chooseShardIndex(undefined, {}, [7, 8])).toThrow(/which shard\?/);
    expect(() => chooseShardIndex(undefined, {})).toThrow(/which shard\?/);
  });
});
