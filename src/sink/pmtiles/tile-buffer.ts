import type { ScratchFile } from '../../io/atomic-file.ts';

/** What records may take in memory before they go to disk. */
const BUDGET_BYTES = 48 << 20;
/** What a record costs besides its bytes. */
const RECORD_BYTES = 120;
const PIECE_BYTES = 4 << 20;

/**
 * Records by tile, for one zoom: they come in any order and go tile by tile. Beyond a budget they wait on disk, sorted;
 * in memory stay about 200 bytes a tile.
 */
export class TileBuffer {
  private readonly scratch: ScratchFile;
  private readonly budget: number;
  private held = new Map<number, Uint8Array[]>();
  /** Offset and length of what each tile has on disk, in the order in which it came. */
  private readonly stored = new Map<number, number[]>();
  private bytes = 0;

  constructor(scratch: ScratchFile, budget = BUDGET_BYTES) {
    this.scratch = scratch;
    this.budget = budget;
  }

  add(tile: number, record: Uint8Array): void {
    const records = this.held.get(tile);
    if (records === undefined) this.held.set(tile, [record]);
    else records.push(record);
    this.bytes += record.length + RECORD_BYTES;
  }

  /** A promise where memory is to be given back first. */
  settle(): Promise<void> | undefined {
    return this.bytes > this.budget ? this.store() : undefined;
  }

  /** The records of each tile, one behind the other, tiles in order. To be called once. */
  async *tiles(): AsyncGenerator<readonly [tile: number, records: Uint8Array]> {
    const tiles = Float64Array.from(new Set([...this.stored.keys(), ...this.held.keys()])).sort();
    for (const tile of tiles) {
      const parts: Uint8Array[] = [];
      const places = this.stored.get(tile) ?? [];
      for (let i = 0; i < places.length; i += 2)
        parts.push(await this.scratch.read(places[i]!, places[i + 1]!));
      parts.push(...(this.held.get(tile) ?? []));
      this.held.delete(tile);
      yield [tile, Buffer.concat(parts)];
    }
  }

  private async store(): Promise<void> {
    const { held, scratch, stored } = this;
    this.held = new Map();
    this.bytes = 0;
    let piece: Uint8Array[] = [];
    let size = 0;
    const base = () => scratch.position + size;
    const flush = async () => {
      await scratch.write(Buffer.concat(piece));
      piece = [];
      size = 0;
    };
    for (const tile of Float64Array.from(held.keys()).sort()) {
      const offset = base();
      for (const record of held.get(tile)!) {
        piece.push(record);
        size += record.length;
      }
      const places = stored.get(tile);
      if (places === undefined) stored.set(tile, [offset, base() - offset]);
      else places.push(offset, base() - offset);
      if (size > PIECE_BYTES) await flush();
    }
    await flush();
  }
}
