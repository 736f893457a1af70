import { ConfigError } from '../../core/errors.ts';
import type { StacItem, StacLink } from './item.ts';

export interface CollectionOptions {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** Its file name. */
  readonly file: string;
  readonly items: readonly CollectionItem[];
}

export interface CollectionItem {
  readonly item: StacItem;
  /** Where the item will be, relative to the collection. */
  readonly href: string;
}

type Box = readonly [west: number, south: number, east: number, north: number];

/** A STAC 1.1.0 Collection, as JSON. */
export interface StacCollection {
  readonly type: 'Collection';
  readonly stac_version: '1.1.0';
  readonly stac_extensions: readonly string[];
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly license: string;
  readonly extent: {
    readonly spatial: { readonly bbox: readonly Box[] };
    readonly temporal: { readonly interval: readonly (readonly [string, string])[] };
  };
  readonly summaries: Readonly<Record<string, unknown>>;
  readonly links: readonly StacLink[];
}

/**
 * The STAC Collection of a batch: the extent of all items, what they have in common, a link to each.
 * @throws ConfigError without items, or where two have one id
 */
export function describeCollection(options: CollectionOptions): StacCollection {
  const { id, title, description, file, items } = options;
  if (items.length === 0)
    throw new ConfigError('a collection needs at least one run', { pointer: 'runs', value: items });
  const ids = new Map<string, string>();
  for (const { item, href } of items) {
    const other = ids.get(item.id);
    if (other !== undefined) {
      throw new ConfigError(`two items have the id ${item.id}: ${other} and ${href}; leave one of them out`, {
        pointer: 'runs',
        value: item.id,
      });
    }
    ids.set(item.id, href);
  }
  const boxes = items.flatMap(({ item }) => (item.bbox === undefined ? [] : [item.bbox]));
  const times = items.map(({ item }) => intervalOf(item)).sort();
  return {
    type: 'Collection',
    stac_version: '1.1.0',
    stac_extensions: [],
    id,
    title,
    description,
    license: 'other',
    extent: {
      // Without a place, a collection is anywhere: its extent may not be left out.
      spatial: { bbox: [uniteBoxes(boxes) ?? [-180, -90, 180, 90]] },
      temporal: {
        interval: [
          [
            times[0]![0],
            times
              .map(([, end]) => end)
              .sort()
              .at(-1)!,
          ],
        ],
      },
    },
    summaries: summariesOf(items.map(({ item }) => item)),
    links: [
      { rel: 'root', href: `./${file}`, type: 'application/json', title },
      ...items.map(({ item, href }) => ({
        rel: 'item',
        href,
        type: 'application/geo+json',
        title: String(item.properties.title ?? item.id),
      })),
    ],
  };
}

/** An item as a member of a collection at `collectionHref`, relative to it. */
export function joinCollection(item: StacItem, collection: StacCollection, collectionHref: string): StacItem {
  const link = (rel: string): StacLink => ({
    rel,
    href: collectionHref,
    type: 'application/json',
    title: collection.title,
  });
  return {
    ...item,
    collection: collection.id,
    links: [link('root'), link('parent'), link('collection'), ...item.links],
  };
}

function intervalOf({ properties }: StacItem): [string, string] {
  const { datetime, start_datetime, end_datetime } = properties as Record<string, string | null>;
  return [String(datetime ?? start_datetime), String(datetime ?? end_datetime)];
}

/** Values of some fields, each once, in the order in which they come. */
function summariesOf(items: readonly StacItem[]): Record<string, unknown> {
  const summaries: Record<string, unknown[]> = {};
  for (const field of ['proj:code', 'gsd', 'processing:software']) {
    const values = new Map<string, unknown>();
    for (const { properties } of items) {
      const value = properties[field];
      if (value !== undefined && value !== null) values.set(JSON.stringify(value), value);
    }
    if (values.size > 0) summaries[field] = [...values.values()];
  }
  return summaries;
}

/**
 * The least box around boxes, across the antimeridian (west greater than east) where that is narrower; `null` without any.
 */
export function uniteBoxes(boxes: readonly Box[]): Box | null {
  if (boxes.length === 0) return null;
  const south = Math.min(...boxes.map((box) => box[1]));
  const north = Math.max(...boxes.map((box) => box[3]));
  // Spans of longitude from -180 on, each at most once round; those that cross the antimeridian are two.
  const spans = boxes
    .flatMap(
      ([west, , east]) =>
        (west <= east
          ? [[west, east]]
          : [
              [west, 180],
              [-180, east],
            ]) as [number, number][],
    )
    .sort(([p], [q]) => p - q);
  const merged: [number, number][] = [];
  for (const [west, east] of spans) {
    const last = merged.at(-1);
    if (last !== undefined && west <= last[1]) last[1] = Math.max(last[1], east);
    else merged.push([west, east]);
  }
  // The widest gap between them is what the box leaves out; that over the antimeridian unless another is wider.
  const [first, last] = [merged[0]!, merged.at(-1)!];
  let [west, east, widest] = [first[0], last[1], first[0] + 360 - last[1]];
  for (let i = 1; i < merged.length; i++) {
    const gap = merged[i]![0] - merged[i - 1]![1];
    if (gap > widest) [west, east, widest] = [merged[i]![0], merged[i - 1]![1], gap];
  }
  return [west, south, east, north];
}
