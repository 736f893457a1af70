import { countPlaces, type FrustumPlan } from '../frustum/plan.ts';
import type { ModelManifest } from '../model/manifest.ts';
import type { EncodeModes } from '../model/protocol.ts';

/** How many context windows of each distance have their features kept, and what that takes in the network's processes. */
export interface ContextSlots {
  /** In each process. */
  readonly short: number;
  readonly long: number;
  /** Whether features of short windows are kept until the next row of windows. */
  readonly keepsRows: boolean;
  /** Of all processes together. */
  readonly bytes: number;
}

/** Kept features may take this much; where a row of windows takes more, only the last window's are kept. */
const KEPT_BYTES = 512 * 1024 * 1024;

/**
 * Windows are run row by row, so a context window that comes again in the next row is found again only if all of its row
 * are kept. Several processes divide the short windows of a row among them; each may see all of its long ones.
 * @param orientations how often each window is run, turned; each orientation has features of its own
 * @param workers processes that share the windows
 */
export function planContextSlots(
  plan: FrustumPlan,
  manifest: Pick<ModelManifest, 'architecture' | 'window'>,
  orientations: number,
  workers = 1,
): ContextSlots {
  const each = featureBytes(manifest);
  const rowOf = (index: number, times: number) => {
    const { columns } = countPlaces(plan, index);
    const fits = columns * orientations * each * times <= KEPT_BYTES / 2;
    return comesAgain(plan, index) && fits ? columns * orientations : null;
  };
  const row = rowOf(1, 1);
  const short = row === null ? orientations : Math.ceil(row / workers);
  const long = rowOf(2, workers) ?? orientations;
  return { short, long, keepsRows: row !== null, bytes: (short + long) * workers * each };
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
function featureBytes({ architecture, window }: Pick<ModelManifest, 'architecture' | 'window'>): number {
  const { attention } = (architecture.neck ?? {}) as { readonly attention?: unknown };
  const width = typeof attention === 'number' ? attention : 384;
  return 2 * width * Math.ceil(window / 8) ** 2 * 4;
}

/** Places for features, given to keys; where all are taken, the key that was not asked for longest gives way. */
export interface Slots {
  /** Whether the features of `key` are there. */
  has(key: string): boolean;
  /** The place of `key`, and whether its features are there from before. */
  take(key: string): { readonly slot: number; readonly held: boolean };
}

export function createSlots(capacity: number): Slots {
  const places = new Map<string, number>();
  return {
    has: (key) => places.has(key),
    take(key) {
      const known = places.get(key);
      if (known !== undefined) {
        places.delete(key);
        places.set(key, known);
        return { slot: known, held: true };
      }
      let slot = places.size;
      if (places.size === capacity) {
        const [oldest, place] = places.entries().next().value!;
        places.delete(oldest);
        slot = place;
      }
      places.set(key, slot);
      return { slot, held: false };
    },
  };
}
