import type { LongFeatures, WindowRequest } from './protocol.ts';

/**
 * A request as sessions take it: pixels of all windows side by side, each block in a buffer of its own that can be handed
 * to another thread.
 */
export interface StagedBatch {
  /** Windows that were asked for; the others fill up the batch and are thrown away. */
  readonly count: number;
  /** uint8 [batch][window][window][3]; beyond `count` the last one again. */
  readonly local: Uint8Array;
  readonly short: StagedContext;
  readonly long: StagedContext;
  /** For each window, whether the answer is to hold what was made of its long window. */
  readonly giveLong: readonly boolean[];
}

export interface StagedContext {
  /** For each window: that it brings pixels, what was made of them before, or `null` for what is kept. */
  readonly sources: readonly ('pixels' | LongFeatures | null)[];
  /** For each window, the place where its features are kept or taken from. */
  readonly slots: readonly number[];
  /** uint8 [n][window][window][3] of the windows that bring pixels; filled up to a batch where encoded together. */
  readonly pixels: Uint8Array;
  readonly mode: 'each' | 'together' | 'one';
}

const ALONE = { short: 'each', long: 'each' } as const;
const FIRST = { short: 0, long: 0 } as const;

/**
 * Puts the windows of a request side by side.
 * @param viewBytes bytes of one view
 * @param batch windows that sessions take at once
 */
export function stageBatch(windows: readonly WindowRequest[], viewBytes: number, batch: number): StagedBatch {
  const modes = windows[0]!.encode ?? ALONE;
  const slots = windows.map((window) => window.slots ?? FIRST);
  return {
    count: windows.length,
    local: joinViews(
      windows.map(({ local }) => local),
      viewBytes,
      batch,
    ),
    short: stageContext(
      windows.map(({ short }) => short),
      slots.map(({ short }) => short),
      modes.short,
      viewBytes,
      batch,
    ),
    long: stageContext(
      windows.map(({ long }) => long),
      slots.map(({ long }) => long),
      modes.long,
      viewBytes,
      batch,
    ),
    giveLong: windows.map(({ giveLong }) => giveLong === true),
  };
}

function stageContext(
  views: readonly (Uint8Array | LongFeatures | null)[],
  slots: readonly number[],
  mode: StagedContext['mode'],
  viewBytes: number,
  batch: number,
): StagedContext {
  const brought = views.filter((view) => view instanceof Uint8Array);
  return {
    sources: views.map((view) => (view instanceof Uint8Array ? 'pixels' : view)),
    slots,
    pixels: joinViews(brought, viewBytes, mode === 'together' && brought.length > 0 ? batch : brought.length),
    mode,
  };
}

/** `count` views side by side: those that are there, and the last of them again and again. */
function joinViews(views: readonly Uint8Array[], viewBytes: number, count: number): Uint8Array {
  const joined = new Uint8Array(count * viewBytes);
  for (let i = 0; i < count; i++) joined.set(views[Math.min(i, views.length - 1)]!, i * viewBytes);
  return joined;
}

/** The buffers of a staged batch, for handing over. */
export function buffersOf({ local, short, long }: StagedBatch): ArrayBuffer[] {
  return [local, short.pixels, long.pixels].map(({ buffer }) => buffer as ArrayBuffer);
}
