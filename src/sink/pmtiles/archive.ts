import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip, gzipSync } from 'node:zlib';
import type { AtomicFile, ScratchFile } from '../../io/atomic-file.ts';
import { type ArchiveFacts, type DirectoryEntry, encodeDirectories, encodeHeader } from './directories.ts';

const zip = promisify(gzip);

/** Tiles up to this size are looked for among those that came before: the insides of large areas. */
const SHARED_BYTES = 1024;
const COPY_BYTES = 4 << 20;

/**
 * Tiles on their way into an archive: compressed, in a nameless file, until all are there. In memory stay about
 * 100 bytes a tile, and as many for each small content.
 */
export class TileStore {
  private readonly scratch: ScratchFile;
  private readonly placed: { tile: number; offset: number; length: number }[] = [];
  private readonly offsets = new Map<string, number>();

  constructor(scratch: ScratchFile) {
    this.scratch = scratch;
  }

  /** Adds tiles; none comes twice. */
  async add(tiles: readonly (readonly [tile: number, bytes: Uint8Array])[]): Promise<void> {
    const zipped = await Promise.all(tiles.map(([, bytes]) => zip(bytes)));
    for (const [i, bytes] of zipped.entries()) {
      const { length } = bytes;
      const key = length > SHARED_BYTES ? null : createHash('sha256').update(bytes).digest('base64');
      let offset = key === null ? undefined : this.offsets.get(key);
      if (offset === undefined) {
        offset = this.scratch.position;
        await this.scratch.write(bytes);
        if (key !== null) this.offsets.set(key, offset);
      }
      this.placed.push({ tile: tiles[i]![0], offset, length });
    }
  }

  /** Writes the whole archive: contents in the order in which tiles first ask for them. */
  async write(
    file: AtomicFile,
    metadata: unknown,
    facts: Pick<ArchiveFacts, 'minZoom' | 'maxZoom' | 'bounds' | 'centre' | 'centreZoom'>,
  ): Promise<void> {
    const placed = this.placed.sort((p, q) => p.tile - q.tile);
    const entries: { -readonly [K in keyof DirectoryEntry]: DirectoryEntry[K] }[] = [];
    const moved = new Map<number, number>();
    const ranges: { offset: number; length: number }[] = [];
    let dataBytes = 0;
    for (const { tile, offset, length } of placed) {
      let target = moved.get(offset);
      if (target === undefined) {
        target = dataBytes;
        dataBytes += length;
        moved.set(offset, target);
        const last = ranges[ranges.length - 1];
        if (last !== undefined && last.offset + last.length === offset && last.length < COPY_BYTES)
          last.length += length;
        else ranges.push({ offset, length });
      }
      const before = entries[entries.length - 1];
      if (before !== undefined && before.offset === target && before.tile + before.run === tile) before.run++;
      else entries.push({ tile, run: 1, offset: target, length });
    }
    const { root, leaves } = encodeDirectories(entries);
    const json = gzipSync(Buffer.from(JSON.stringify(metadata), 'utf8'));
    await file.write(
      encodeHeader({
        ...facts,
        rootBytes: root.length,
        metadataBytes: json.length,
        leafBytes: leaves.length,
        dataBytes,
        tiles: placed.length,
        entries: entries.length,
        contents: moved.size,
      }),
    );
    for (const part of [root, json, leaves]) await file.write(part);
    for (const { offset, length } of ranges) await file.write(await this.scratch.read(offset, length));
  }
}
