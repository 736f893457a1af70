/**
 * Which source pixels a frustum sees, one axis at a time: every window is the product of a span of rows and a span of
 * columns, and no rule looks at both axes.
 *
 * `reference` is the geometry of the published inference code; its context windows keep the local window inside them
 * only up to the trained scene size. `centred` keeps every window concentric with the local one as far as the frame allows.
 */

/** See the module comment. */
export type GeometryMode = 'reference' | 'centred';

/** `size` pixels from `start` on, along one axis of the frame. */
export interface Span {
  readonly start: number;
  readonly size: number;
}

/** A distinct start of a local window along one axis, and how many steps of the published loop fall on it. */
export interface LocalStart {
  readonly start: number;
  readonly visits: number;
}

/** Side of the zero-padded frame: the smallest multiple of `padTo` that holds the scene and one window. */
export function frameSide(sceneSide: number, window: number, padTo: number): number {
  return Math.ceil(Math.max(sceneSide, window) / padTo) * padTo;
}

/**
 * Starts of the local windows along one axis, ascending. The published loop steps through `0, stride, 2 stride, ...`
 * over the whole frame and pulls what would reach past the border back to it, so the last start is visited repeatedly.
 */
export function localStarts(frame: number, window: number, stride: number): LocalStart[] {
  const last = frame - window;
  const steps = Math.ceil(frame / stride);
  const free = Math.ceil(last / stride);
  const starts: LocalStart[] = [];
  for (let i = 0; i < free; i++) starts.push({ start: i * stride, visits: 1 });
  starts.push({ start: last, visits: steps - free });
  return starts;
}

/**
 * The published window at `distances[index]` of the local window at `start`. The farthest one is the whole frame,
 * whatever its distance; the others start at `start * (far - d) / (far - 1)`, cut down to an integer, and end at the border.
 */
export function referenceSpan(
  start: number,
  distances: readonly number[],
  index: number,
  window: number,
  frame: number,
): Span {
  if (index === distances.length - 1) return { start: 0, size: frame };
  const far = distances[distances.length - 1]!;
  const distance = distances[index]!;
  // The product comes first: (far - d) / (far - 1) alone is inexact and would cut down to a pixel too few.
  const from = Math.trunc((start * (far - distance)) / (far - 1));
  return { start: from, size: Math.min(Math.round(window * distance), frame - from) };
}

/**
 * The window at `distance` about the middle of the local window at `start`, shifted to lie within the frame; the whole
 * frame where the window is larger.
 */
export function centredSpan(start: number, distance: number, window: number, frame: number): Span {
  const size = Math.round(distance * window);
  if (size >= frame) return { start: 0, size: frame };
  const concentric = start + Math.floor((window - size) / 2);
  return { start: Math.min(Math.max(concentric, 0), frame - size), size };
}

/** The spans of all distances, nearest first, of the local window at `start`. */
export function frustumSpans(
  mode: GeometryMode,
  start: number,
  distances: readonly number[],
  window: number,
  frame: number,
): Span[] {
  return distances.map((distance, index) =>
    mode === 'reference'
      ? referenceSpan(start, distances, index, window, frame)
      : centredSpan(start, distance, window, frame),
  );
}
