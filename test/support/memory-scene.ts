import type { ScenePixels } from '../../src/core/ports.ts';
import type { PixelBlock } from '../../src/core/raster.ts';
import type { Window } from '../../src/core/window.ts';

/** A scene in memory that records what is asked of it and refuses windows outside its grid, as a real one may. */
export interface MemoryScene extends ScenePixels {
  readonly image: PixelBlock;
  readonly reads: Window[];
}

/** `data` is uint8 RGB, row-major, interleaved. */
export function createMemoryScene(width: number, height: number, data: Uint8Array): MemoryScene {
  if (data.length !== width * height * 3) throw new RangeError('not an RGB image of this size');
  const reads: Window[] = [];
  return {
    image: { width, height, bands: 3, data },
    reads,
    grid: { width, height, transform: null, crs: null },
    async readRgb(window) {
      reads.push(window);
      return cutWindow({ width, height, bands: 3, data }, window);
    },
    async readValidity() {
      return null;
    },
  };
}

/** A copy of the pixels of a window that lies within the image. */
export function cutWindow(image: PixelBlock, { x, y, width, height }: Window): PixelBlock {
  if (x < 0 || y < 0 || width < 1 || height < 1 || x + width > image.width || y + height > image.height) {
    throw new RangeError(`window ${x},${y} ${width}x${height} is outside ${image.width}x${image.height}`);
  }
  const bands = image.bands;
  const data = new Uint8Array(width * height * bands);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * bands;
    data.set(image.data.subarray(from, from + width * bands), row * width * bands);
  }
  return { width, height, bands, data };
}

/** The image with zeros added on the right and at the bottom. */
export function padImage(image: PixelBlock, width: number, height: number): PixelBlock {
  const data = new Uint8Array(width * height * image.bands);
  for (let row = 0; row < image.height; row++) {
    const from = row * image.width * image.bands;
    data.set(image.data.subarray(from, from + image.width * image.bands), row * width * image.bands);
  }
  return { width, height, bands: image.bands, data };
}

/** Deterministic noise. */
export function noiseImage(width: number, height: number, seed = 1): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = state >>> 24;
  }
  return data;
}
