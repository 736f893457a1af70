import { countPlaces, type FrustumPlan } from '../frustum/plan.ts';
import type { ModelManifest } from '../model/manifest.ts';

/** How many context windows of each distance have their features kept, and what that takes in the network's process. */
export interface ContextSlots {
  readonly short: number;
  readonly long: number;
  readonly bytes: number;
}

/** Kept features may take this much; where a row of windows takes more, only the last window's are kept. */
const KEPT_BYTES = 512 * 1024 * 1024;

/**
 * Windows are run row by row, so a context window that comes again in the next row is found again only if all of its row
 * are kept.
 * @param orientations how often each window is run, turned; each orientation has features of its own
 */
export function planContextSlots(
  plan: FrustumPlan,
  manifest: Pick<ModelManifest, 'architecture' | 'window'>,
  orientations: number,
): ContextSlots {
  const each = featureBytes(manifest);
  const count = (index: number) => {
    const across = countPlaces(plan, index);
    const repeats = across.columns < plan.columns.length || across.rows < plan.rows.length;
    const kept = repeats && across.columns * orientations * each <= KEPT_BYTES / 2 ? across.columns : 1;
    return kept * orientations;
  };
  const short = count(1);
  const long = count(2);
  return { short, long, bytes: (short + long) * each };
}

/** Keys and values of a context window: float32, of the neck's attention width, at an eighth of the resolution. */
function featureBytes({ architecture, window }: Pick<ModelManifest, 'architecture' | 'window'>): number {
  const { attention } = (architecture.neck ?? {}) as { readonly attention?: unknown };
  const width = typeof attention === 'number' ? attention : 384;
  return 2 * width * Math.ceil(window / 8) ** 2 * 4;
}

/** Places for features, given to keys; where all are taken, the key that was not asked for longest gives way. */
export interface Slots {
  /** The place of `key`, and whether its features are there from before. */
  take(key: string): { readonly slot: number; readonly held: boolean };
}

export function createSlots(capacity: number): Slots {
  const places = new Map<string, number>();
  return {
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
