import { ConfigError } from '../core/errors.ts';
import type { Window } from '../core/window.ts';
import { frameSide, frustumSpans, type GeometryMode, localStarts, type Span } from './geometry.ts';
import { shareContext } from './share-context.ts';

/** What a plan is made of; the model's manifest gives all but the scene's size and the stride. */
export interface FrustumPlanOptions {
  /** Scene width in pixels. */
  readonly width: number;
  /** Scene height in pixels. */
  readonly height: number;
  /** Side of the local window, a multiple of 4. */
  readonly window: number;
  /** Nearest first; the first is 1. */
  readonly distances: readonly number[];
  /** The scene is zero-padded right and bottom to a multiple of this, itself a multiple of 4. */
  readonly padTo: number;
  /** Step between local windows, a multiple of 4 and at most `window`. */
  readonly stride: number;
  readonly mode: GeometryMode;
  /** So many neighbouring windows a side share their context windows; 1 unless told. See `shareContext`. */
  readonly shareContext?: number;
}

/** One row or column of PRPs: where its local windows start, how often each counts, what it sees from each distance. */
export interface PlanLine {
  readonly start: number;
  /** How often the local window's scores count along this axis. */
  readonly weight: number;
  /** One span a distance, in frame pixels. */
  readonly spans: readonly Span[];
}

/** A row of PRPs; once it is summed, scene rows above `finishedUntil` are reached by no later window. */
export interface PlanRow extends PlanLine {
  readonly finishedUntil: number;
}

/** Columns `from` to `to` (exclusive) of a plan's grid. */
export interface ColumnRun {
  readonly from: number;
  readonly to: number;
}

/**
 * The PRPs of a scene as data: the grid `rows` x `columns`, walked row by row. Its size grows with the scene's sides,
 * not with its area. Windows that lie wholly in the padding reach no scene pixel and are not in the plan.
 */
export interface FrustumPlan {
  readonly scene: { readonly width: number; readonly height: number };
  /** The padded scene: what windows and spans refer to. */
  readonly frame: { readonly width: number; readonly height: number };
  readonly window: number;
  readonly distances: readonly number[];
  readonly stride: number;
  readonly mode: GeometryMode;
  readonly rows: readonly PlanRow[];
  readonly columns: readonly PlanLine[];
  /** Which columns of each row are run; `null` for all of them. See `selectFrusta`. */
  readonly kept: readonly (readonly ColumnRun[])[] | null;
  /** Frusta to run: rows times columns, less those that are not kept. */
  readonly count: number;
  /** What the published loop would do on this frame: windows it runs, and how many of them are distinct. */
  readonly published: { readonly runs: number; readonly distinct: number };
}

/** One PRP and its windows, nearest first, in frame pixels: they may reach past the scene into the zero padding. */
export interface Frustum {
  /** Place in the plan's grid, row by row from 0, whether the frusta before it are run or not. */
  readonly index: number;
  readonly x: number;
  readonly y: number;
  /** Factor of the local window's scores: how often the published loop runs it in `reference` mode, else 1. */
  readonly weight: number;
  readonly windows: readonly Window[];
}

/**
 * Plans the frusta of a scene. In `reference` mode a window that the published loop repeats at the border is planned
 * once with that weight; in `centred` mode each window counts once.
 * @throws ConfigError if a setting is wrong by itself or does not fit the others.
 */
export function planFrusta(options: FrustumPlanOptions): FrustumPlan {
  checkOptions(options);
  const { width, height, window, distances, padTo, stride, mode } = options;
  const frame = { width: frameSide(width, window, padTo), height: frameSide(height, window, padTo) };
  const allRows = planLines(options, frame.height);
  const allColumns = planLines(options, frame.width);
  const lines = allRows.filter((row) => row.start < height);
  const rows = lines.map((row, i) => ({ ...row, finishedUntil: lines[i + 1]?.start ?? height }));
  const columns = allColumns.filter((column) => column.start < width);
  return {
    scene: { width, height },
    frame,
    window,
    distances: [...distances],
    stride,
    mode,
    rows,
    columns,
    kept: null,
    count: rows.length * columns.length,
    published: {
      runs: Math.ceil(frame.height / stride) * Math.ceil(frame.width / stride),
      distinct: allRows.length * allColumns.length,
    },
  };
}

function planLines(options: FrustumPlanOptions, frame: number): PlanLine[] {
  const { window, distances, stride, mode } = options;
  const lines = localStarts(frame, window, stride).map(({ start, visits }) => ({
    start,
    weight: mode === 'reference' ? visits : 1,
    spans: frustumSpans(mode, start, distances, window, frame),
  }));
  return shareContext(lines, frame, { window, distances, stride, mode, every: options.shareContext ?? 1 });
}

/** Columns and rows at which a local window begins or ends, counted from `origin` (frame pixels). */
export function bordersOf(
  { columns, rows, window }: FrustumPlan,
  origin: { readonly x: number; readonly y: number },
): {
  readonly columns: readonly number[];
  readonly rows: readonly number[];
} {
  const ends = (lines: readonly PlanLine[], from: number) =>
    lines.flatMap(({ start }) => [start - from, start + window - from]);
  return { columns: ends(columns, origin.x), rows: ends(rows, origin.y) };
}

/** The frustum in row `row` and column `column` of the plan's grid. */
export function frustumAt(plan: FrustumPlan, row: number, column: number): Frustum {
  const down = plan.rows[row]!;
  const across = plan.columns[column]!;
  return {
    index: row * plan.columns.length + column,
    x: across.start,
    y: down.start,
    weight: down.weight * across.weight,
    windows: down.spans.map((span, i) => ({
      x: across.spans[i]!.start,
      y: span.start,
      width: across.spans[i]!.size,
      height: span.size,
    })),
  };
}

/** The frusta to run of one row of PRPs, left to right. */
export function* frustaOfRow(plan: FrustumPlan, row: number): Generator<Frustum> {
  const runs = plan.kept === null ? [{ from: 0, to: plan.columns.length }] : plan.kept[row]!;
  for (const { from, to } of runs) {
    for (let column = from; column < to; column++) yield frustumAt(plan, row, column);
  }
}

/** All frusta to run in the plan's order: row by row, left to right. */
export function* frustaOf(plan: FrustumPlan): Generator<Frustum> {
  for (let row = 0; row < plan.rows.length; row++) yield* frustaOfRow(plan, row);
}

/** The scene rows that become final when PRP row `row` has been summed; together they tile the scene top to bottom. */
export function finishedRows(
  plan: FrustumPlan,
  row: number,
): { readonly y: number; readonly rowCount: number } {
  const y = row === 0 ? 0 : plan.rows[row - 1]!.finishedUntil;
  return { y, rowCount: plan.rows[row]!.finishedUntil - y };
}

/** Equal for equal windows and different otherwise: the key under which views and features are shared. */
export function windowKey(window: Window): string {
  return `${window.x},${window.y},${window.width},${window.height}`;
}

/** In how many different places along each axis the plan's windows at `distances[index]` lie. */
export function countPlaces(
  { columns, rows }: FrustumPlan,
  index: number,
): { readonly columns: number; readonly rows: number } {
  const distinct = (lines: readonly PlanLine[]) =>
    new Set(lines.map(({ spans }) => `${spans[index]!.start},${spans[index]!.size}`)).size;
  return { columns: distinct(columns), rows: distinct(rows) };
}

function checkOptions(options: FrustumPlanOptions): void {
  const { width, height, window, distances, padTo, stride, mode } = options;
  requireWhole('width', width, 1);
  requireWhole('height', height, 1);
  requireWhole('window', window, 4);
  requireWhole('padTo', padTo, 4);
  requireWhole('stride', stride, 4);
  if (stride > window) {
    throw new ConfigError(
      `The stride of ${stride} px is larger than the window of ${window} px and would leave unseen gaps. Use a stride of at most ${window}.`,
      { pointer: '/stride', value: stride },
    );
  }
  if (mode !== 'reference' && mode !== 'centred') {
    throw new ConfigError(
      `The geometry mode must be "reference" or "centred", got ${JSON.stringify(mode)}.`,
      {
        pointer: '/mode',
        value: mode,
      },
    );
  }
  if (distances[0] !== 1 || !distances.every((d, i) => Number.isFinite(d) && d >= (distances[i - 1] ?? 1))) {
    throw new ConfigError(
      `Distances must start at 1 and not fall, for example 1, 3, 14; got [${distances.join(', ')}].`,
      { pointer: '/distances', value: distances },
    );
  }
  if (mode === 'reference' && !(distances[distances.length - 1]! > 1)) {
    throw new ConfigError(
      `Reference geometry divides by the farthest distance less 1, so it must be above 1; got [${distances.join(', ')}]. Use mode "centred" for a network without wider views.`,
      { pointer: '/distances', value: distances },
    );
  }
}

/** Scores are summed at a quarter of the resolution, so everything that places a window is a multiple of `unit` = 4. */
function requireWhole(name: string, value: number, unit: number): void {
  if (Number.isSafeInteger(value) && value > 0 && value % unit === 0) return;
  const what = unit === 1 ? 'a whole number' : `a multiple of ${unit}`;
  throw new ConfigError(`The ${name} must be ${what} of pixels above 0, got ${String(value)}.`, {
    pointer: `/${name}`,
    value,
  });
}
