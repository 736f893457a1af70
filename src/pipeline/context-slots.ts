import { countPlaces, type FrustumPlan } from '../frustum/plan.ts';
import type { ModelManifest } from '../model/manifest.ts';
import type { EncodeModes } from '../model/protocol.ts';

/** How many context windows of each distance have their features kept, and what that takes in the network's processes. */
export interface ContextSlots {
  /** In each process. */
  readonly short: number;
  readonly long: number;
  /** Of these, so many are for windows that are not kept until the next row: one an orientation. */
  readonly passing: number;
  /** Whether features of short windows, or of some of a row, are kept until the next row of windows. */
  readonly keepsRows: boolean;
  /** Of all processes together. */
  readonly bytes: number;
}

/** Kept features may take this much unless less is told; where a row of windows takes more, only a part of it is kept. */
const KEPT_BYTES = 512 * 1024 * 1024;

/**
 * Windows are run row by row. A context window that the next row sees again is kept until then, or as many of them as there
 * is memory for: each one that is kept spares an encoder run in every further row that sees it. Several processes divide the
 * short windows of a row among them; each may see all of its long ones.
 *
 * Long windows get their places first: no fewer rows see each of them, and there are no more of them.
 * @param orientations how often each window is run, turned; each orientation has features of its own
 * @param workers processes that share the windows
 * @param maxBytes of all processes together; the least, that of one window a distance in each, is taken whatever it is
 */
export function planContextSlots(
  plan: FrustumPlan,
  manifest: Pick<ModelManifest, 'architecture' | 'window'>,
  orientations: number,
  workers = 1,
  maxBytes = KEPT_BYTES,
): ContextSlots {
  const ofAll = workers * featureBytes(manifest);
  // What a row takes beside the place that any window needs.
  const rowOf = (index: number, sharedBy: number) => {
    const { columns, rows } = countPlaces(plan, index);
    return rows < plan.rows.length ? Math.ceil((columns * orientations) / sharedBy) : 0;
  };
  const beyond = (row: number, room: number) => Math.min(Math.max(0, row - orientations), Math.max(0, room));
  const room = Math.floor(maxBytes / ofAll) - 2 * orientations;
  const moreLong = beyond(rowOf(2, 1), room);
  const row = rowOf(1, workers);
  const moreShort = beyond(row, room - moreLong);
  const [short, long] = [orientations + moreShort, orientations + moreLong];
  const keepsRows = row > 0 && (moreShort > 0 || row <= orientations);
  return { short, long, passing: orientations, keepsRows, bytes: (short + long) * ofAll };
}

/** Whether two frusta of the plan's whole grid see one window at `distances[index]`. */
function comesAgain(plan: FrustumPlan, index: number): boolean {
  const { columns, rows } = countPlaces(plan, index);
  return columns < plan.columns.length || rows < plan.rows.length;
}

/** How a plan's context windows go through their encoders; a function of the whole grid, whatever part of it is run. */
export function planEncoding(plan: FrustumPlan, orientations: number): EncodeModes {
  const far = countPlaces(plan, 2);
  return {
    short: comesAgain(plan, 1) ? 'each' : 'together',
    long: far.columns * far.rows * orientations === 1 ? 'one' : comesAgain(plan, 2) ? 'each' : 'together',
  };
}

/** Keys and values of a context window: float32, of the neck's attention width, at an eighth of the resolution. */
export function featureBytes({
  architecture,
  window,
}: Pick<ModelManifest, 'architecture' | 'window'>): number {
  const { attention } = (architecture.neck ?? {}) as { readonly attention?: unknown };
  const width = typeof attention === 'number' ? attention : 384;
  return 2 * width * Math.ceil(window / 8) ** 2 * 4;
}

/** Places for features, given to keys. */
export interface Slots {
  /** Whether the features of `key` are there. */
  has(key: string): boolean;
  /**
   * The place of `key`, and whether its features are there from before.
   * @param row the row of context windows that it is of; rows come one after the other, each once or several times over
   */
  take(key: string, row: number): { readonly slot: number; readonly held: boolean };
}

/**
 * The first keys of a row stay until the next row begins; the others, and those of earlier rows, give way to one another,
 * the one that was not asked for longest first. If any key could be made to give way, a row that is longer than the
 * places would find none of its keys again: each would have given way just before it comes again.
 * @param passing places, at least 1, that no key has for a whole row
 */
export function createSlots(capacity: number, passing: number): Slots {
  /** Longest unused first. */
  const places = new Map<string, number>();
  const staying = new Set<string>();
  let current = Number.NaN;
  const free = () => {
    if (places.size < capacity) return places.size;
    for (const [key, place] of places) {
      if (staying.has(key)) continue;
      places.delete(key);
      return place;
    }
    throw new RangeError(`expected a passing place among ${capacity}, got ${passing}`);
  };
  return {
    has: (key) => places.has(key),
    take(key, row) {
      if (row !== current) staying.clear();
      current = row;
      const known = places.get(key);
      const slot = known ?? free();
      places.delete(key);
      places.set(key, slot);
      if (staying.size < capacity - passing) staying.add(key);
      return { slot, held: known !== undefined };
    },
  };
}
