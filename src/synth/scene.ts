import type { LandCoverClass } from '../core/classes.ts';
import { ConfigError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { SYNTH_CLASSES } from './classes.ts';
import { BANDS, exposeRow, lightStrip } from './expose.ts';
import { makeGeography } from './geography.ts';
import { hash2 } from './hash.ts';
import { createCanvas } from './materials.ts';
import { createStripPainter, STRIP_ROWS } from './paint-strip.ts';
import { makeTextures } from './textures.ts';

/** What to make. */
export interface SynthOptions {
  /** Pixels, 1 to 200 000 an axis. */
  readonly width: number;
  readonly height: number;
  /** 0 to 4294967295; the same size and seed make the same bits on any machine. Another size makes another land. */
  readonly seed: number;
  /** Metres a pixel; Gaofen-2's 4 m by default. It sets the georeference only, not the look. */
  readonly pixelSizeM?: number;
  /** 8 (default): NIR, red, green, blue in 0..255. 16: blue, green, red, NIR in 0..1023. */
  readonly bits?: 8 | 16;
}

/** Consecutive rows of a scene, row-major. */
export interface SynthRows {
  readonly y: number;
  readonly rowCount: number;
  /** `pixels[(row*width + x)*4 + band]`; Uint16Array for 16 bits. */
  readonly pixels: Uint8Array | Uint16Array;
  /** True class a pixel, `labels[row*width + x]`. */
  readonly labels: Uint8Array;
}

/** A synthetic scene, made while it is read. */
export interface SynthScene {
  /** North-up UTM grid (EPSG:32623). */
  readonly grid: Grid;
  readonly classes: readonly LandCoverClass[];
  readonly bits: 8 | 16;
  /** Names of the four bands, in order. */
  readonly bandNames: readonly string[];
  /**
   * The rows from the top in blocks of `blockRows` (default 64; the last one may be shorter). Each call starts anew.
   * Contents don't depend on `blockRows`. Arrays are fresh for each block, the caller may keep them.
   */
  rows(blockRows?: number): Iterable<SynthRows>;
}

/**
 * Makes a land-like scene with true labels; see this room's README for what it shows and what makes it hard.
 * @throws ConfigError if a size, seed, pixel size or bit depth is out of range
 */
export function createSynthScene(options: SynthOptions): SynthScene {
  const { width, height, seed, pixelSizeM = 4, bits = 8 } = options;
  for (const [name, value] of [
    ['width', width],
    ['height', height],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > 200_000) {
      throw new ConfigError(`Synthetic scene: ${name} must be an integer from 1 to 200000, got ${value}.`, {
        pointer: `/${name}`,
        value,
      });
    }
  }
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new ConfigError(`Synthetic scene: seed must be an integer from 0 to 4294967295, got ${seed}.`, {
      pointer: '/seed',
      value: seed,
    });
  }
  if (!(pixelSizeM > 0 && pixelSizeM <= 1000)) {
    throw new ConfigError(
      `Synthetic scene: pixelSizeM must be above 0 and at most 1000 m, got ${pixelSizeM}.`,
      {
        pointer: '/pixelSizeM',
        value: pixelSizeM,
      },
    );
  }
  if (bits !== 8 && bits !== 16) {
    throw new ConfigError(`Synthetic scene: bits must be 8 or 16, got ${String(bits)}.`, {
      pointer: '/bits',
      value: bits,
    });
  }
  return {
    grid: {
      width,
      height,
      transform: { a: pixelSizeM, b: 0, c: 500_000, d: 0, e: -pixelSizeM, f: 7_600_000 },
      crs: {
        kind: 'projected',
        epsg: 32623,
        name: 'WGS 84 / UTM zone 23N',
        proj4: '+proj=utm +zone=23 +datum=WGS84 +units=m +no_defs',
        metresPerUnit: 1,
        geoKeys: null,
      },
    },
    classes: SYNTH_CLASSES,
    bits,
    bandNames: bits === 8 ? ['nir', 'red', 'green', 'blue'] : ['blue', 'green', 'red', 'nir'],
    rows: (blockRows = STRIP_ROWS) =>
      rechunk(makeRows(width, height, seed, bits), width, height, blockRows, bits),
  };
}

/** Rows in the generator's own steps: the blur needs the row below, so each step lags one row behind its strip. */
function* makeRows(width: number, height: number, seed: number, bits: 8 | 16): Generator<SynthRows> {
  // Parts of the land add small numbers to the seed: neighbouring seeds must be far apart by then.
  const mixed = hash2(seed, 0, 0x5eed);
  const land = makeGeography(width, height, mixed);
  const painter = createStripPainter(land, makeTextures(mixed), width, height, mixed);
  // Rows 0 and 1 hold the last two of the strip before.
  const canvas = createCanvas((STRIP_ROWS + 2) * width);
  const radiance = new Int16Array((STRIP_ROWS + 2) * width * BANDS);
  const scratch = new Int32Array((width + 2) * BANDS);
  for (let y0 = 0; y0 < height; y0 += STRIP_ROWS) {
    const painted = Math.min(STRIP_ROWS, height - y0);
    const lattice = painter.paint(y0, painted, canvas, 2);
    lightStrip(canvas, lattice, width, 2, painted, radiance);
    const first = y0 === 0 ? 0 : y0 - 1;
    const end = y0 + painted === height ? height : y0 + painted - 1;
    const rowCount = end - first;
    const size = rowCount * width;
    const pixels = bits === 8 ? new Uint8Array(size * BANDS) : new Uint16Array(size * BANDS);
    for (let y = first; y < end; y++) {
      const row = y - y0 + 2;
      const above = y === 0 ? row : row - 1;
      const below = y === height - 1 ? row : row + 1;
      exposeRow(radiance, width, above, row, below, y, mixed, pixels, (y - first) * width * BANDS, scratch);
    }
    const labels = canvas.label.slice((first - y0 + 2) * width, (end - y0 + 2) * width);
    if (rowCount > 0) yield { y: first, rowCount, pixels, labels };
    canvas.label.copyWithin(0, painted * width, (painted + 2) * width);
    radiance.copyWithin(0, painted * width * BANDS, (painted + 2) * width * BANDS);
  }
}

/** The same rows in blocks of `blockRows`. */
function* rechunk(
  source: Iterable<SynthRows>,
  width: number,
  height: number,
  blockRows: number,
  bits: 8 | 16,
): Generator<SynthRows> {
  if (!Number.isInteger(blockRows) || blockRows < 1) {
    throw new ConfigError(`Synthetic scene: blockRows must be a positive integer, got ${blockRows}.`, {
      pointer: '/blockRows',
      value: blockRows,
    });
  }
  const begin = (y: number) => {
    const rowCount = Math.min(blockRows, height - y);
    const size = rowCount * width;
    const pixels = bits === 8 ? new Uint8Array(size * BANDS) : new Uint16Array(size * BANDS);
    return { y, rowCount, pixels, labels: new Uint8Array(size) };
  };
  let block = begin(0);
  let filled = 0;
  for (const piece of source) {
    for (let r = 0; r < piece.rowCount; ) {
      const n = Math.min(piece.rowCount - r, block.rowCount - filled);
      block.pixels.set(
        piece.pixels.subarray(r * width * BANDS, (r + n) * width * BANDS),
        filled * width * BANDS,
      );
      block.labels.set(piece.labels.subarray(r * width, (r + n) * width), filled * width);
      r += n;
      filled += n;
      if (filled < block.rowCount) continue;
      yield block;
      const next = block.y + block.rowCount;
      if (next >= height) return;
      block = begin(next);
      filled = 0;
    }
  }
}
