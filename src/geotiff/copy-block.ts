import type { Window } from '../core/window.ts';
import type { ImageLayout } from './image-layout.ts';
import { samplesInBlock } from './image-layout.ts';
import type { BlockSpan } from './plan-blocks.ts';
import type { SampleArray } from './sample-array.ts';

/**
 * Samples by their size alone. Copying does not ask what bits mean, and loops that see few kinds of arrays are many times
 * faster than loops that see all eight.
 */
type Cells = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/**
 * Copies what a window needs of one span to where it belongs in the result.
 * @param samples the span's: `rows * blockWidth * samplesInBlock`
 * @param out `window.width * window.height * bands.length` samples, interleaved by pixel
 */
export function copyBlock(
  layout: ImageLayout,
  span: Pick<BlockSpan, 'x' | 'y' | 'rows' | 'plane'>,
  samples: SampleArray,
  window: Window,
  bands: readonly number[],
  out: SampleArray,
): void {
  const step = samplesInBlock(layout);
  const outStep = bands.length;
  const left = Math.max(span.x, window.x);
  const right = Math.min(span.x + layout.blockWidth, window.x + window.width);
  const top = Math.max(span.y, window.y);
  const bottom = Math.min(span.y + span.rows, window.y + window.height);
  const width = right - left;
  const wholePixels = step === outStep && bands.every((band, i) => band === (layout.planar ? span.plane : i));
  const wholeRows = wholePixels && width === layout.blockWidth && width === window.width;
  const firstFrom = ((top - span.y) * layout.blockWidth + left - span.x) * step;
  const firstTo = ((top - window.y) * window.width + left - window.x) * outStep;
  if (wholeRows) {
    out.set(samples.subarray(firstFrom, firstFrom + (bottom - top) * width * step), firstTo);
    return;
  }
  const source = cellsOf(samples);
  const target = cellsOf(out);
  for (let y = top; y < bottom; y++) {
    const from = firstFrom + (y - top) * layout.blockWidth * step;
    const to = firstTo + (y - top) * window.width * outStep;
    if (wholePixels) {
      target.set(source.subarray(from, from + width * step), to);
      continue;
    }
    for (let i = 0; i < outStep; i++) {
      const band = bands[i]!;
      if (layout.planar && band !== span.plane) continue;
      copyBand(source, from + (layout.planar ? 0 : band), step, target, to + i, outStep, width);
    }
  }
}

function copyBand(
  source: Cells,
  from: number,
  step: number,
  target: Cells,
  to: number,
  outStep: number,
  count: number,
): void {
  for (let x = 0; x < count; x++) target[to + x * outStep] = source[from + x * step]!;
}

function cellsOf(samples: SampleArray): Cells {
  const { buffer, byteOffset, length } = samples;
  if (samples.BYTES_PER_ELEMENT === 1) return new Uint8Array(buffer, byteOffset, length);
  if (samples.BYTES_PER_ELEMENT === 2) return new Uint16Array(buffer, byteOffset, length);
  if (samples.BYTES_PER_ELEMENT === 4) return new Uint32Array(buffer, byteOffset, length);
  return new Float64Array(buffer, byteOffset, length);
}
