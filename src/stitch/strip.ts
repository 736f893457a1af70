import { ConfigError } from '../core/errors.ts';
import { type Blend, rampOf } from './ramp.ts';

/**
 * The strip: rolling rows in which patches are summed until no later patch can reach them.
 *
 * Scores are kept at the head's own resolution (one cell for `scoreStride` pixels), in square tiles whose side divides
 * every window position. Each tile holds its cells and a halo of one, and every patch adds its cells with its own edge
 * repeated. Bilinear upsampling is linear, so upsampling a tile's sum gives the sum of the upsampled patches, the edge
 * rule of each patch included, at 1 / scoreStride^2 of the memory.
 */
export interface StripOptions {
  /** Side of the local window in pixels. */
  readonly window: number;
  /** Pixels a score cell stands for, along one axis. */
  readonly scoreStride: number;
  /** Score channels, one a class. */
  readonly channels: number;
  /** Size of the padded frame in pixels: windows lie within it. */
  readonly frameWidth: number;
  readonly frameHeight: number;
  /** Pixels between neighbouring windows. */
  readonly stride: number;
  /** How the scores of overlapping windows are weighted; `uniform` unless told. */
  readonly blend?: Blend;
}

/** Finished tile row: sums of scores over `tile` pixel rows. Valid until the next call to the strip. */
export interface TileRow {
  /** First pixel row. */
  readonly y: number;
  /**
   * Float32, tiles left to right, each [planes][cells + 2 halo][cells + 2 halo] (halo 0 where scoreStride is 1): one plane
   * a channel and, in a tapered strip, one more with the weights that the scores were summed with.
   */
  readonly sums: Float32Array;
  /** Times that patches were added to each tile, whatever their ramps; 0 where none was. */
  readonly weights: Float64Array;
}

/** Side of the strip's tiles in pixels: the largest square grid that every window position and the window itself share. */
export function tileSide(options: StripOptions): number {
  const { window, stride, frameWidth, frameHeight } = options;
  return [stride, frameWidth - window, frameHeight - window].reduce(greatestCommonDivisor, window);
}

/** Bytes that a strip holds, whatever the scene's height. */
export function stripBytes(options: StripOptions): number {
  const tile = tileSide(options);
  const side = tile / options.scoreStride + 2 * haloOf(options);
  const tiles = (options.window / tile) * (options.frameWidth / tile);
  return tiles * (planesOf(options) * side * side * 4 + 8);
}

/** Score channels and, where weights differ from cell to cell, the plane of weights. */
function planesOf({ channels, blend }: StripOptions): number {
  return channels + (blend === 'tapered' ? 1 : 0);
}

/** Cells around a tile that belong to its neighbours: 1, or 0 where no upsampling is needed. */
function haloOf({ scoreStride }: StripOptions): number {
  return scoreStride > 1 ? 1 : 0;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

export class Strip {
  /** Tile side in pixels. */
  readonly tile: number;
  /** Tile side in cells, without halo. */
  readonly cells: number;
  /** Cells around a tile that belong to its neighbours: 1, or 0 where no upsampling is needed. */
  readonly halo: number;
  readonly tilesAcross: number;
  /** Planes of a tile's sums. */
  readonly planes: number;
  readonly options: StripOptions;
  readonly #tileFloats: number;
  readonly #tilesPerWindow: number;
  readonly #sums: Float32Array[];
  readonly #weights: Float64Array[];
  /** Weight of a patch's cells along one axis; `null` where all count alike. */
  readonly #ramp: Float64Array | null;
  /** First tile row that is not released yet. */
  #firstTileRow = 0;

  /** @throws ConfigError if window positions do not fall on whole score cells. */
  constructor(options: StripOptions) {
    this.options = options;
    this.tile = tileSide(options);
    if (this.tile % options.scoreStride !== 0) {
      throw new ConfigError(
        `--stride ${options.stride}: windows would start between score cells; the model answers for each ${options.scoreStride} px, so choose a stride that is a multiple of ${options.scoreStride}`,
        { pointer: '--stride', value: options.stride },
      );
    }
    this.cells = this.tile / options.scoreStride;
    this.halo = haloOf(options);
    this.tilesAcross = options.frameWidth / this.tile;
    this.#tilesPerWindow = options.window / this.tile;
    this.planes = planesOf(options);
    this.#ramp = options.blend === 'tapered' ? rampOf(options) : null;
    const side = this.cells + 2 * this.halo;
    this.#tileFloats = this.planes * side * side;
    this.#sums = Array.from(
      { length: this.#tilesPerWindow },
      () => new Float32Array(this.tilesAcross * this.#tileFloats),
    );
    this.#weights = Array.from({ length: this.#tilesPerWindow }, () => new Float64Array(this.tilesAcross));
  }

  /**
   * Adds one patch.
   * @param x left pixel of the local window, a multiple of `tile`
   * @param y top pixel, a multiple of `tile`, not above rows that are released
   * @param scores float32 [channels][n][n], n = window / scoreStride
   * @param weight how many times the published loop would add it
   */
  add(x: number, y: number, scores: Float32Array, weight: number): void {
    const tileX = x / this.tile;
    const tileY = y / this.tile;
    for (let j = 0; j < this.#tilesPerWindow; j++) {
      const slot = (tileY + j) % this.#tilesPerWindow;
      const sums = this.#sums[slot]!;
      const weights = this.#weights[slot]!;
      for (let i = 0; i < this.#tilesPerWindow; i++) {
        const base = (tileX + i) * this.#tileFloats;
        if (this.#ramp === null) this.#addTile(sums, base, scores, i * this.cells, j * this.cells, weight);
        else this.#addTapered(this.#ramp, sums, base, scores, i * this.cells, j * this.cells, weight);
        weights[tileX + i]! += weight;
      }
    }
  }

  #addTile(
    sums: Float32Array,
    base: number,
    scores: Float32Array,
    col: number,
    row: number,
    weight: number,
  ): void {
    const n = this.options.window / this.options.scoreStride;
    const { cells, halo } = this;
    const side = cells + 2 * halo;
    let to = base;
    for (let c = 0; c < this.options.channels; c++) {
      for (let v = 0; v < side; v++) {
        const from = c * n * n + Math.min(Math.max(row + v - halo, 0), n - 1) * n;
        const left = Math.max(col - halo, 0);
        const right = Math.min(col + cells + halo, n);
        if (halo === 1 && col === 0) sums[to++]! += weight * scores[from]!;
        for (let k = from + left; k < from + right; k++) sums[to++]! += weight * scores[k]!;
        if (halo === 1 && col + cells === n) sums[to++]! += weight * scores[from + n - 1]!;
      }
    }
  }

  /** As `#addTile`, each cell with its own weight, and the weights into the last plane. */
  #addTapered(
    ramp: Float64Array,
    sums: Float32Array,
    base: number,
    scores: Float32Array,
    col: number,
    row: number,
    weight: number,
  ): void {
    const n = ramp.length;
    const { cells, halo } = this;
    const { channels } = this.options;
    const side = cells + 2 * halo;
    const plane = side * side;
    for (let v = 0; v < side; v++) {
      const cellRow = Math.min(Math.max(row + v - halo, 0), n - 1);
      const rowWeight = weight * ramp[cellRow]!;
      for (let u = 0; u < side; u++) {
        const cell = Math.min(Math.max(col + u - halo, 0), n - 1);
        const cellWeight = rowWeight * ramp[cell]!;
        const from = cellRow * n + cell;
        const to = base + v * side + u;
        for (let c = 0; c < channels; c++) sums[to + c * plane]! += cellWeight * scores[c * n * n + from]!;
        sums[to + channels * plane]! += cellWeight;
      }
    }
  }

  /**
   * Releases the tile rows above pixel row `untilY` that are not released yet, top to bottom. Call it when no later
   * patch can reach rows above `untilY`; each row's memory is cleared and reused after the consumer asks for the next.
   */
  *release(untilY: number): Generator<TileRow> {
    while ((this.#firstTileRow + 1) * this.tile <= untilY) {
      const slot = this.#firstTileRow % this.#tilesPerWindow;
      const sums = this.#sums[slot]!;
      const weights = this.#weights[slot]!;
      yield { y: this.#firstTileRow * this.tile, sums, weights };
      sums.fill(0);
      weights.fill(0);
      this.#firstTileRow++;
    }
  }
}
