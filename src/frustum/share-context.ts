import { ConfigError } from '../core/errors.ts';
import { frustumSpans, type GeometryMode, type Span } from './geometry.ts';

/** What {@link shareContext} needs to know of a plan. */
export interface ShareOptions {
  readonly window: number;
  readonly distances: readonly number[];
  readonly stride: number;
  readonly mode: GeometryMode;
  /** How many neighbouring lines share their context windows; 1 leaves each its own. */
  readonly every: number;
}

/**
 * Gives each `every` neighbouring rows (or columns) of PRPs one context window a distance, that of the point in the middle
 * between them, moved so far that it holds all of their local windows: its features are computed once for them. Lines whose
 * own context does not hold their local window (`reference` geometry beyond the trained size) keep what they have.
 *
 * The lines must be all of the frame's, so that any part of a scene has the windows of the whole.
 * @throws ConfigError if so many local windows don't fit into one context window
 */
export function shareContext<T extends { readonly start: number; readonly spans: readonly Span[] }>(
  lines: readonly T[],
  frame: number,
  options: ShareOptions,
): T[] {
  const { window, distances, every } = options;
  checkShare(options);
  if (every === 1) return [...lines];
  const shared: T[] = [];
  for (let from = 0; from < lines.length; from += every) {
    const group = lines.slice(from, from + every);
    const first = group[0]!.start;
    const last = group.at(-1)!.start;
    const middle = frustumSpans(options.mode, (first + last) >> 1, distances, window, frame);
    const common = distances.map((distance, i) => {
      const holds = group.every(
        ({ start, spans }) => spans[i]!.start <= start && start + window <= spans[i]!.start + spans[i]!.size,
      );
      if (i === 0 || !holds) return null;
      const full = Math.min(Math.round(window * distance), frame);
      if (middle[i]!.size > full) return middle[i]!;
      const start = Math.min(Math.max(middle[i]!.start, last + window - full), first);
      return { start, size: Math.min(full, frame - start) };
    });
    for (const line of group) {
      shared.push({ ...line, spans: line.spans.map((span, i) => common[i] ?? span) });
    }
  }
  return shared;
}

function checkShare({ window, distances, stride, every }: ShareOptions): void {
  const nearest = distances[1] ?? 1;
  const most = Math.floor((Math.round(nearest * window) - window) / stride) + 1;
  if (Number.isSafeInteger(every) && every >= 1 && every <= Math.max(most, 1)) return;
  throw new ConfigError(
    `--share-context ${every}: must be a whole number of windows from 1 to ${Math.max(most, 1)}: as many windows of ${window} px, ${stride} px apart, lie within one context window of ${Math.round(nearest * window)} px`,
    { pointer: '--share-context', value: every },
  );
}
