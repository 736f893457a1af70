import { grow } from './grow.ts';

const TILE = 64;
/** Words of one tile: 64 rows of 64 bits. */
const TILE_WORDS = 128;

/**
 * A set of pixel corners as one bit each, in tiles of 64 x 64 that exist only where something was added: memory is that
 * of the boundary, not of the scene.
 */
export class CornerSet {
  private readonly tilesAcross: number;
  /** First word of each tile, or -1. */
  private readonly tiles: Int32Array;
  private words = new Int32Array(64 * TILE_WORDS);
  private used = 0;

  /** @param width, height of the raster: corners are 0..width, 0..height. */
  constructor(width: number, height: number) {
    this.tilesAcross = Math.floor(width / TILE) + 1;
    this.tiles = new Int32Array(this.tilesAcross * (Math.floor(height / TILE) + 1)).fill(-1);
  }

  add(x: number, y: number): void {
    const tile = (y >> 6) * this.tilesAcross + (x >> 6);
    let base = this.tiles[tile]!;
    if (base === -1) {
      base = this.used * TILE_WORDS;
      this.used++;
      if (base + TILE_WORDS > this.words.length) this.words = grow(this.words, base + TILE_WORDS);
      this.tiles[tile] = base;
    }
    this.words[base + ((y & 63) << 1) + ((x & 63) >> 5)]! |= 1 << (x & 31);
  }

  /** Takes out a corner that was added. */
  remove(x: number, y: number): void {
    const base = this.tiles[(y >> 6) * this.tilesAcross + (x >> 6)]!;
    this.words[base + ((y & 63) << 1) + ((x & 63) >> 5)]! &= ~(1 << (x & 31));
  }

  /** The first corner of row y from column `from` to column `to` (included), or -1. */
  firstIn(y: number, from: number, to: number): number {
    const { tiles, words } = this;
    const row = (y >> 6) * this.tilesAcross;
    const offset = (y & 63) << 1;
    let x = from;
    while (x <= to) {
      const base = tiles[row + (x >> 6)]!;
      if (base === -1) {
        x = ((x >> 6) + 1) << 6;
        continue;
      }
      const word = words[base + offset + ((x & 63) >> 5)]! >>> (x & 31);
      if (word !== 0) {
        const found = x + 31 - Math.clz32(word & -word);
        return found <= to ? found : -1;
      }
      x = ((x >> 5) + 1) << 5;
    }
    return -1;
  }
}
