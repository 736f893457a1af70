import { areaOfRows, type PixelArea } from '../core/area.ts';
import { type Frustum, type FrustumPlan, frustaOf, windowKey } from '../frustum/plan.ts';
import type { FrustumReader } from '../frustum/read-frustum.ts';
import { selectFrusta } from '../frustum/select-frusta.ts';
import type { Model } from '../model/open-model.ts';
import type { LongFeatures } from '../model/protocol.ts';

/** Where bands keep what the network made of far windows, for one another. Neither call fails. */
export interface LongStore {
  /** Whether anything was there when it was opened. */
  begun(): Promise<boolean>;
  /** What is there, whole and as it was put; else `null`. */
  get(key: string): Promise<LongFeatures | null>;
  put(key: string, features: LongFeatures): Promise<void>;
}

export interface ShareLongOptions {
  /** `null`: nobody to share with. */
  readonly store: LongStore | null;
  /** Whether other bands see a far window, too. */
  readonly isShared: (key: string) => boolean;
  /** What encoding must take for sharing to pay. */
  readonly fromMs: number;
}

/** A model that encodes each far window once. */
export interface SharedLong {
  readonly model: Model;
  /** A reader whose far windows are known to the model by name. */
  watch(reader: FrustumReader): FrustumReader;
  readonly counts: { readonly longComputed: number; readonly longFetched: number };
  /** Gives up what is kept in memory. */
  forget(): void;
  /** Waits until everything is put. */
  settle(): Promise<void>;
}

/** Features kept in memory: those of the frames beside one another in a row. */
const KEPT_BYTES = 32 * 1024 * 1024;

/**
 * Spares the network far windows that it, or that of another band, has encoded before. Bytes stay the same, since features
 * pass as the floats that they are. Small networks encode faster than anything can be fetched: whether it pays is measured
 * by the first window that is encoded here, and taken for granted where another band has put something already.
 */
export function shareLong(model: Model, { store, isShared, fromMs }: ShareLongOptions): SharedLong {
  const names = new WeakMap<Uint8Array, string>();
  const kept = new Map<string, LongFeatures>();
  const counts = { longComputed: 0, longFetched: 0 };
  let keptBytes = 0;
  let pays: boolean | null = null;
  let putting: Promise<unknown> = Promise.resolve();
  let turn: Promise<unknown> = Promise.resolve();

  const keep = (key: string, features: LongFeatures) => {
    if (sizeOf(features) > KEPT_BYTES || kept.has(key)) return;
    kept.set(key, features);
    keptBytes += sizeOf(features);
    for (const [oldest, held] of kept) {
      if (keptBytes <= KEPT_BYTES) break;
      kept.delete(oldest);
      keptBytes -= sizeOf(held);
    }
  };
  const find = async (key: string): Promise<LongFeatures | null> => {
    const held = kept.get(key);
    if (held !== undefined) return held;
    if (store === null || !isShared(key)) return null;
    if (pays === null && (await store.begun())) pays = true;
    const found = pays === true ? await store.get(key) : null;
    if (found !== null) {
      counts.longFetched++;
      keep(key, found);
    }
    return found;
  };
  const send = async (request: Parameters<Model['infer']>[0]) => {
    const { long } = request;
    const key = long instanceof Uint8Array ? names.get(long) : undefined;
    if (!(long instanceof Uint8Array) || key === undefined) return { answer: model.infer(request) };
    const found = await find(key);
    if (found !== null) return { answer: model.infer({ ...request, long: found }) };
    counts.longComputed++;
    const wanted = pays !== false;
    const answer = model.infer({ ...request, giveLong: wanted });
    return {
      answer: answer.then((given) => {
        pays ??= given.milliseconds.long >= fromMs;
        if (!pays || given.long === undefined) return given;
        const { long: features } = given;
        keep(key, features);
        if (store !== null && isShared(key)) putting = putting.then(() => store.put(key, features));
        return given;
      }),
    };
  };
  return {
    model: {
      ...model,
      // A window may come with none of its own and mean that of the one before: the order of requests is kept.
      infer: async (request) => {
        const mine = turn.then(() => send(request));
        turn = mine.catch(() => undefined);
        return (await mine).answer;
      },
    },
    watch: (reader) => ({
      ...reader,
      async readFrustum(frustum, signal) {
        const views = await reader.readFrustum(frustum, signal);
        names.set(views[2]!, windowKey(frustum.windows[2]!));
        return views;
      },
    }),
    counts,
    forget() {
      kept.clear();
      keptBytes = 0;
    },
    settle: async () => {
      await putting;
    },
  };
}

/** Which far windows of a band's frusta others see, too: those of frusta that reach rows above or below it. */
export function findSharedKeys(
  plan: FrustumPlan,
  area: PixelArea,
  y0: number,
  y1: number,
): (key: string) => boolean {
  const { y, height } = area.bounds;
  const keyOf = (frustum: Frustum) => windowKey(frustum.windows[2]!);
  // Only the band's own are kept: a scene may have any number.
  const mine = new Set<string>();
  for (const frustum of frustaOf(selectFrusta(plan, areaOfRows(area, y0, y1)))) mine.add(keyOf(frustum));
  const shared = new Set<string>();
  for (const [from, until] of [
    [y, y0],
    [y1, y + height],
  ] as const) {
    if (from >= until) continue;
    const others = selectFrusta(plan, areaOfRows(area, from, until));
    for (const frustum of frustaOf(others)) if (mine.has(keyOf(frustum))) shared.add(keyOf(frustum));
  }
  return (key) => shared.has(key);
}

function sizeOf({ keys, values }: LongFeatures): number {
  return keys.data.byteLength + values.data.byteLength;
}
