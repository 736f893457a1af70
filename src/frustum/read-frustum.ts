import type { RgbReader } from '../core/ports.ts';
import type { Window } from '../core/window.ts';
import type { Pyramid } from '../pyramid/open-pyramid.ts';
import { countPlaces, type Frustum, type FrustumPlan, windowKey } from './plan.ts';
import { sampleWindow } from './sample-window.ts';

/** Where context views come from: the scene at full resolution, or levels of its altitude pyramid. */
export type Sampling = 'exact' | 'pyramid';

/** Reads what frusta see. */
export interface FrustumReader {
  readonly sampling: Sampling;
  /**
   * The view of `frustum.windows[index]`: uint8 RGB `[window, window, 3]`, the network's input. Equal windows may share
   * one buffer: it is not to be written to.
   * @throws SourceError, FormatError
   */
  readView(frustum: Frustum, index: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** All views of a frustum, nearest first. */
  readFrustum(frustum: Frustum, signal?: AbortSignal): Promise<readonly Uint8Array[]>;
}

/** What a reader needs. */
export interface FrustumReaderOptions {
  readonly scene: RgbReader;
  readonly plan: FrustumPlan;
  /** If given, views from farther than 1 come from its levels, save those of windows that the frame cut down. */
  readonly pyramid?: Pyramid | null;
  /** Context views kept for windows that repeat (each `window * window * 3` bytes); `planKeptViews` unless told. */
  readonly keptViews?: number;
}

/**
 * Makes a reader for the frusta of `plan`. Local views are always exact copies of scene pixels.
 * @throws ConfigError if the pyramid lacks a level for one of the plan's distances
 */
export function createFrustumReader(options: FrustumReaderOptions): FrustumReader {
  const { scene, plan, pyramid = null, keptViews = planKeptViews(options.plan) } = options;
  const side = plan.window;
  const levels = plan.distances.map((distance) =>
    pyramid === null || distance === 1 ? scene : pyramid.level(distance),
  );
  const recent = createRecentViews(keptViews);

  const sample = (window: Window, index: number, signal?: AbortSignal): Promise<Uint8Array> => {
    const distance = plan.distances[index]!;
    // A window that the frame cut down shows more than its level holds. Being small, it is read from the scene.
    const cutDown = Math.min(window.width, window.height) < distance * side;
    if (levels[index] === scene || cutDown) return sampleWindow(scene, window, side, side, signal);
    return sampleWindow(levels[index]!, levelWindow(window, distance), side, side, signal);
  };
  const readView: FrustumReader['readView'] = async (frustum, index, signal) => {
    const window = frustum.windows[index]!;
    if (index === 0) return sample(window, 0, signal);
    return recent(`${index}:${windowKey(window)}`, () => sample(window, index, signal));
  };
  return {
    sampling: pyramid === null ? 'exact' : 'pyramid',
    readView,
    readFrustum: (frustum, signal) =>
      Promise.all(frustum.windows.map((_, index) => readView(frustum, index, signal))),
  };
}

/** Bytes that views kept for the next row may take. */
const KEPT_VIEW_BYTES = 64 * 1024 * 1024;

/** How many context views to keep: those of a row of windows where the next row sees them again, if they fit. */
export function planKeptViews(plan: FrustumPlan): number {
  const ofRow = plan.distances.slice(1).reduce((total, _, i) => {
    const { columns, rows } = countPlaces(plan, i + 1);
    return total + (rows < plan.rows.length ? columns : 1);
  }, 0);
  return ofRow * plan.window ** 2 * 3 <= KEPT_VIEW_BYTES ? Math.max(8, ofRow + 2) : 8;
}

/** Where a window of the frame lies in the level of its distance: at the nearest level pixel, none of it cut off. */
export function levelWindow(window: Window, distance: number): Window {
  return {
    x: Math.round(window.x / distance),
    y: Math.round(window.y / distance),
    width: Math.ceil(window.width / distance),
    height: Math.ceil(window.height / distance),
  };
}

/** The last `capacity` views asked for, by key; a view that is being read is shared, one that failed is forgotten. */
function createRecentViews(capacity: number) {
  const views = new Map<string, Promise<Uint8Array>>();
  return (key: string, read: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    const known = views.get(key);
    views.delete(key);
    const view = known ?? read();
    views.set(key, view);
    if (known === undefined) {
      view.catch(() => {
        if (views.get(key) === view) views.delete(key);
      });
    }
    const oldest = views.keys().next();
    if (views.size > capacity && !oldest.done) views.delete(oldest.value);
    return view;
  };
}
