import { createHash } from 'node:crypto';
import { deflateSync, inflateSync } from 'fflate';
import { z } from 'zod';
import { FormatError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import type { ClassRows } from '../core/raster.ts';
import type { ObjectDraft } from './object-store.ts';

/**
 * Rows files: finished rows of a shard. Blocks of rows (classes, then confidence, deflated one by one), then a manifest
 * (JSON, UTF-8) with the SHA-256 of each block, then the manifest's own SHA-256 (32 bytes), its length (uint32, little
 * endian) and `FRW1`. A file appears whole, so whoever sees it sees its manifest, which was written last.
 */

const MAGIC = Buffer.from('FRW1', 'latin1');
const TRAILER_BYTES = 32 + 4 + MAGIC.length;
/** Pixels of a block: rows are gathered up to this. */
const BLOCK_PIXELS = 1 << 20;

const count = z.number().int().min(0);
const rowsManifestSchema = z.strictObject({
  format: z.literal('frustum-rows'),
  version: z.literal(1),
  shard: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .describe('identity of the shard'),
  y0: count,
  y1: count,
  width: z.number().int().positive(),
  blocks: z.array(
    z.strictObject({
      rows: z.number().int().positive(),
      classBytes: count,
      confidenceBytes: count,
      sha256: z.string(),
    }),
  ),
  emptyWindows: z
    .array(z.tuple([count, count]))
    .describe('windows without data, as runs from, to of their places in the whole plan'),
  onnxruntime: z.string(),
  longEncoderRuns: count,
  shortEncoderRuns: count,
  milliseconds: z.strictObject({
    read: z.number(),
    long: z.number(),
    short: z.number(),
    local: z.number(),
    stitch: z.number(),
    total: z.number(),
  }),
  windows: count,
  peakResidentBytes: count,
});

/** What a rows file says of itself. */
export type RowsManifest = z.infer<typeof rowsManifestSchema>;

/** What is known only when the rows are there. */
export type RowsFacts = Pick<
  RowsManifest,
  | 'emptyWindows'
  | 'onnxruntime'
  | 'longEncoderRuns'
  | 'shortEncoderRuns'
  | 'milliseconds'
  | 'windows'
  | 'peakResidentBytes'
>;

/** A rows file under way. */
export interface RowsWriter {
  /** First row that is not written yet. */
  readonly y: number;
  /** Appends rows; `rows.y` is not looked at. */
  write(rows: ClassRows): Promise<void>;
  /** Writes what is gathered, and the manifest. */
  finish(facts: RowsFacts): Promise<RowsManifest>;
}

/** Writes rows from scene row `y0` on into a draft, `width` pixels a row. */
export function createRowsWriter(draft: ObjectDraft, shard: string, y0: number, width: number): RowsWriter {
  const blocks: RowsManifest['blocks'] = [];
  let y = y0;
  let gathered: ClassRows[] = [];
  let gatheredRows = 0;
  const flush = async () => {
    if (gatheredRows === 0) return;
    const classes = deflateSync(joined(gathered, 'classes', gatheredRows * width));
    const confidence = deflateSync(joined(gathered, 'confidence', gatheredRows * width));
    const sha256 = createHash('sha256').update(classes).update(confidence).digest('hex');
    blocks.push({
      rows: gatheredRows,
      classBytes: classes.length,
      confidenceBytes: confidence.length,
      sha256,
    });
    gathered = [];
    gatheredRows = 0;
    await draft.write(classes);
    await draft.write(confidence);
  };
  return {
    get y() {
      return y;
    },
    async write(rows) {
      gathered.push(rows);
      gatheredRows += rows.rowCount;
      y += rows.rowCount;
      if (gatheredRows * width >= BLOCK_PIXELS) await flush();
    },
    async finish(facts) {
      await flush();
      const manifest = {
        format: 'frustum-rows',
        version: 1,
        shard,
        y0,
        y1: y,
        width,
        blocks,
        ...facts,
      } as const;
      const text = Buffer.from(JSON.stringify(manifest), 'utf8');
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      const digest = createHash('sha256').update(text).digest();
      await draft.write(Buffer.concat([text, digest, length, MAGIC]));
      return manifest;
    },
  };
}

function joined(parts: readonly ClassRows[], what: 'classes' | 'confidence', size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part[what], at);
    at += part[what].length;
  }
  return all;
}

/**
 * Reads the manifest of a rows file.
 * @throws FormatError if it is none, or not as it was written
 */
export async function readRowsManifest(source: ByteSource, signal?: AbortSignal): Promise<RowsManifest> {
  const { sizeBytes } = source;
  if (sizeBytes < TRAILER_BYTES) throw damaged(source.url, 'it is too short');
  const trailer = Buffer.from(await source.read(sizeBytes - TRAILER_BYTES, TRAILER_BYTES, signal));
  const length = trailer.readUInt32LE(32);
  const start = sizeBytes - TRAILER_BYTES - length;
  if (!trailer.subarray(36).equals(MAGIC) || start < 0) throw damaged(source.url, 'its end is not one');
  const text = Buffer.from(await source.read(start, length, signal));
  if (!createHash('sha256').update(text).digest().equals(trailer.subarray(0, 32))) {
    throw damaged(source.url, "its manifest's checksum differs");
  }
  const parsed = rowsManifestSchema.safeParse(JSON.parse(text.toString('utf8')));
  if (!parsed.success) throw damaged(source.url, 'its manifest is not of this version');
  const { blocks, y0, y1 } = parsed.data;
  const bytes = blocks.reduce((sum, block) => sum + block.classBytes + block.confidenceBytes, 0);
  const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
  if (bytes !== start || rows !== y1 - y0) throw damaged(source.url, 'its blocks do not add up');
  return parsed.data;
}

/**
 * Reads the rows of a rows file, block by block; `y` counts from row 0 of the scene.
 * @throws FormatError where a block is not as it was written
 */
export async function* readRows(
  source: ByteSource,
  { blocks, y0, width }: RowsManifest,
  signal?: AbortSignal,
): AsyncGenerator<ClassRows> {
  let offset = 0;
  let y = y0;
  for (const block of blocks) {
    const size = block.classBytes + block.confidenceBytes;
    const bytes = await source.read(offset, size, signal);
    if (createHash('sha256').update(bytes).digest('hex') !== block.sha256) {
      throw damaged(source.url, `the checksum of rows ${y} to ${y + block.rows} differs`);
    }
    const pixels = block.rows * width;
    const classes = inflateSync(bytes.subarray(0, block.classBytes), { out: new Uint8Array(pixels) });
    const confidence = inflateSync(bytes.subarray(block.classBytes), { out: new Uint8Array(pixels) });
    yield { y, rowCount: block.rows, classes, confidence };
    offset += size;
    y += block.rows;
  }
}

function damaged(url: string, why: string): FormatError {
  return new FormatError(`${url} is not as a shard wrote it: ${why}; frustum retry makes it again`, {
    url,
    what: 'rows file',
  });
}
