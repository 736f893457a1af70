import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeCollection, joinCollection, uniteBoxes } from '../../../src/sink/stac/collection.ts';
import type { StacItem } from '../../../src/sink/stac/item.ts';
import { stacErrors } from './validate.ts';

function itemOf(
  id: string,
  properties: Record<string, unknown>,
  bbox?: [number, number, number, number],
): StacItem {
  const [west, south, east, north] = bbox ?? [0, 0, 0, 0];
  const ring: [number, number][] = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ];
  return {
    type: 'Feature',
    stac_version: '1.1.0',
    stac_extensions: [],
    id,
    geometry: bbox === undefined ? null : { type: 'Polygon', coordinates: [ring] },
    ...(bbox && { bbox }),
    properties: { title: `Scene ${id}`, ...properties },
    links: [{ rel: 'derived_from', href: '../model.json' }],
    assets: {},
  };
}

const ITEMS = [
  {
    href: './items/a.json',
    item: itemOf(
      'a',
      { datetime: '2024-05-01T00:00:00Z', 'proj:code': 'EPSG:32633', gsd: 4 },
      [10, 40, 11, 41],
    ),
  },
  {
    href: './items/b.json',
    item: itemOf(
      'b',
      {
        datetime: null,
        start_datetime: '2023-01-01T00:00:00Z',
        end_datetime: '2025-01-01T00:00:00Z',
        'proj:code': 'EPSG:32634',
        gsd: 4,
      },
      [12, 38, 13, 39],
    ),
  },
  { href: './items/c.json', item: itemOf('c', { datetime: '2024-06-01T00:00:00Z' }) },
];
const OPTIONS = {
  id: 'batch',
  title: 'Batch',
  description: 'Three scenes',
  file: 'collection.json',
  items: ITEMS,
};

describe('describeCollection', () => {
  const collection = describeCollection(OPTIONS);

  it('is valid, and its members are valid as such', () => {
    expect(stacErrors(collection)).toEqual([]);
    for (const { item } of ITEMS) {
      const member = joinCollection(item, collection, '../collection.json');
      expect(stacErrors(member)).toEqual([]);
      expect(member.collection).toBe('batch');
      expect(member.links.map(({ rel }) => rel)).toEqual(['root', 'parent', 'collection', 'derived_from']);
    }
  });

  it('spans all items in space and time, and says what they have', () => {
    expect(collection.extent).toEqual({
      spatial: { bbox: [[10, 38, 13, 41]] },
      temporal: { interval: [['2023-01-01T00:00:00Z', '2025-01-01T00:00:00Z']] },
    });
    expect(collection.summaries).toEqual({ 'proj:code': ['EPSG:32633', 'EPSG:32634'], gsd: [4] });
    expect(collection.links.filter(({ rel }) => rel === 'item').map(({ href }) => href)).toEqual(
      ITEMS.map(({ href }) => href),
    );
  });

  it('is refused without items, and where two share an id', () => {
    expect(() => describeCollection({ ...OPTIONS, items: [] })).toThrow(/at least one run/);
    expect(() =>
      describeCollection({ ...OPTIONS, items: [ITEMS[0]!, { ...ITEMS[0]!, href: 'x.json' }] }),
    ).toThrow(/two items have the id a: .*a\.json and x\.json/);
  });
});

describe('uniteBoxes', () => {
  it('crosses the antimeridian where that is narrower', () => {
    expect(
      uniteBoxes([
        [170, 0, 175, 1],
        [-178, -1, -170, 0],
      ]),
    ).toEqual([170, -1, -170, 1]);
    expect(
      uniteBoxes([
        [179, 0, -179, 1],
        [-170, 0, -160, 1],
      ]),
    ).toEqual([179, 0, -160, 1]);
    expect(
      uniteBoxes([
        [-10, 0, 0, 1],
        [20, 0, 30, 1],
      ]),
    ).toEqual([-10, 0, 30, 1]);
    expect(uniteBoxes([])).toBeNull();
  });

  it('holds every box, and is no wider than the way round the other side', () => {
    const longitude = fc.integer({ min: -180, max: 180 });
    const box = fc.tuple(longitude, fc.constant(0), longitude, fc.constant(1));
    const holds = ([west, , east]: readonly number[], x: number) =>
      west! <= east! ? x >= west! && x <= east! : x >= west! || x <= east!;
    fc.assert(
      fc.property(fc.array(box, { minLength: 1, maxLength: 5 }), (boxes) => {
        const united = uniteBoxes(boxes)!;
        let missed = 0;
        for (let x = -180; x <= 180; x++) {
          const held = boxes.some((b) => holds(b, x));
          if (held) expect(holds(united, x)).toBe(true);
          if (!held) missed++;
        }
        // One gap is left out whole: with at most five boxes there are at most six.
        const width = united[0] <= united[2] ? united[2] - united[0] : united[2] - united[0] + 360;
        expect(360 - width).toBeGreaterThanOrEqual(Math.floor(missed / 6) - 1);
      }),
    );
  });
});
