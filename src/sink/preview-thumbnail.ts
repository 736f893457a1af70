import { NODATA_CLASS } from '../core/classes.ts';
import type { ClassRows, PixelBlock } from '../core/raster.ts';
import type { Window } from '../core/window.ts';

/** Sizes of a picture of `width` x `height` pixels that is drawn `zoom` times as large. */
export interface ThumbnailSize {
  readonly width: number;
  readonly height: number;
  /** A whole number; above 1 only for scenes smaller than the room for them. */
  readonly zoom: number;
}

/** The largest thumbnail of a scene that fits into a box with its shape kept, or the scene itself, enlarged, if that fits. */
export function sizeThumbnail(
  scene: { readonly width: number; readonly height: number },
  boxWidth: number,
  boxHeight: number,
): ThumbnailSize {
  const scale = Math.min(boxWidth / scene.width, boxHeight / scene.height);
  if (scale >= 1) return { width: scene.width, height: scene.height, zoom: Math.floor(scale) };
  const shrink = (side: number) => Math.max(1, Math.round(side * scale));
  return { width: shrink(scene.width), height: shrink(scene.height), zoom: 1 };
}

/** At most this many source pixels are looked at along each side of a thumbnail pixel. */
const SAMPLES_A_SIDE = 8;

interface Sampling {
  /** Every `step`th source row or column is looked at. */
  readonly step: number;
  /** Thumbnail row or column of each source row or column. */
  readonly target: Uint32Array;
}

function sampleAxis(source: number, thumbnail: number): Sampling {
  return {
    step: Math.max(1, Math.floor(source / thumbnail / SAMPLES_A_SIDE)),
    target: Uint32Array.from({ length: source }, (_, at) => Math.floor((at * thumbnail) / source)),
  };
}

function firstMultiple(from: number, step: number): number {
  return Math.ceil(from / step) * step;
}

/** Shrinks class rows as they pass: each thumbnail pixel shows the most frequent class of the pixels sampled in it. */
export interface ClassThumbnail {
  add(rows: ClassRows): void;
  /** One class id a thumbnail pixel, row-major; {@link NODATA_CLASS} where more than half has no data. */
  finish(): Uint8Array;
  /** Pixels of each class id, of all rows and not only of the sampled pixels. */
  readonly counts: Float64Array;
}

/** @param classCount One more than the highest class id. */
export function createClassThumbnail(
  scene: { readonly width: number; readonly height: number },
  size: ThumbnailSize,
  classCount: number,
): ClassThumbnail {
  const ids = new Uint8Array(size.width * size.height).fill(NODATA_CLASS);
  const counts = new Float64Array(256);
  const columns = sampleAxis(scene.width, size.width);
  const lines = sampleAxis(scene.height, size.height);
  // votes[x * (classCount + 1) + id] of the thumbnail row under way; the last vote of each pixel is nodata's.
  const ballots = classCount + 1;
  const votes = new Uint32Array(size.width * ballots);
  let line = 0;

  const decideLine = () => {
    for (let x = 0; x < size.width; x++) {
      const box = votes.subarray(x * ballots, (x + 1) * ballots);
      const holes = box[classCount]!;
      let total = holes;
      let best = 0;
      for (let id = 0; id < classCount; id++) {
        total += box[id]!;
        if (box[id]! > box[best]!) best = id;
      }
      if (total > 0 && holes * 2 <= total) ids[line * size.width + x] = best;
    }
    votes.fill(0);
  };

  return {
    counts,
    add({ y, rowCount, classes }) {
      for (let i = 0; i < classes.length; i++) counts[classes[i]!]!++;
      for (let row = firstMultiple(y, lines.step); row < y + rowCount; row += lines.step) {
        const target = lines.target[row]!;
        if (target !== line) decideLine();
        line = target;
        const from = (row - y) * scene.width;
        for (let x = 0; x < scene.width; x += columns.step) {
          const id = classes[from + x]!;
          votes[columns.target[x]! * ballots + Math.min(id, classCount)]!++;
        }
      }
    },
    finish() {
      decideLine();
      return ids;
    },
  };
}

/** Shrinks the scene, window by window: each thumbnail pixel is the mean of the pixels sampled in it. */
export interface SceneThumbnail {
  add(window: Window, rgb: PixelBlock): void;
  /** uint8 RGB, row-major. */
  finish(): Uint8Array;
}

export function createSceneThumbnail(
  scene: { readonly width: number; readonly height: number },
  size: ThumbnailSize,
): SceneThumbnail {
  const columns = sampleAxis(scene.width, size.width);
  const lines = sampleAxis(scene.height, size.height);
  const sums = new Uint32Array(size.width * size.height * 3);
  const counts = new Uint32Array(size.width * size.height);
  return {
    add({ x, y, width, height }, { data }) {
      for (let row = firstMultiple(y, lines.step); row < y + height; row += lines.step) {
        const line = lines.target[row]! * size.width;
        for (let column = firstMultiple(x, columns.step); column < x + width; column += columns.step) {
          const target = line + columns.target[column]!;
          const from = ((row - y) * width + column - x) * 3;
          counts[target]!++;
          sums[target * 3]! += data[from]!;
          sums[target * 3 + 1]! += data[from + 1]!;
          sums[target * 3 + 2]! += data[from + 2]!;
        }
      }
    },
    finish() {
      const rgb = new Uint8Array(sums.length);
      for (let i = 0; i < rgb.length; i++) {
        rgb[i] = Math.round(sums[i]! / Math.max(1, counts[Math.floor(i / 3)]!));
      }
      return rgb;
    },
  };
}

/**
 * Stretches the brightness of a picture for the eye: the darkest and brightest half per cent of the samples of pixels
 * with data become black and white, all bands alike, so that hues stay.
 */
export function stretchForDisplay(rgb: Uint8Array, hasData: (pixel: number) => boolean): void {
  const histogram = new Float64Array(256);
  let total = 0;
  for (let i = 0; i < rgb.length; i++) {
    if (!hasData(Math.floor(i / 3))) continue;
    histogram[rgb[i]!]!++;
    total++;
  }
  const quantile = (share: number) => {
    let below = 0;
    return histogram.findIndex((count) => {
      below += count;
      return below > share * total;
    });
  };
  const low = quantile(0.005);
  const high = quantile(0.995);
  if (total === 0 || high <= low) return;
  for (let i = 0; i < rgb.length; i++) {
    rgb[i] = Math.max(0, Math.min(255, Math.round(((rgb[i]! - low) * 255) / (high - low))));
  }
}
