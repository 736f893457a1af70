import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { fileError, throwIfAborted } from '../checkpoint/file-source.ts';
import { layOutGraph } from './encode-graph.ts';
import type { Graph } from './graph.ts';

/** A file that was written, under its temporary name. */
export interface WrittenFile {
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface WriteGraphOptions {
  /** Where the graph is written now. */
  readonly path: string;
  /** Where its side file is written now, if it needs one. */
  readonly externalPath: string;
  /** The side file's final name, as the graph will find it beside itself. */
  readonly externalName: string;
  readonly externalThresholdBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with the weight bytes written so far. */
  readonly onBytes?: ((doneBytes: number) => void) | undefined;
}

/**
 * Writes an ONNX model weight by weight: no more than one weight is in memory at a time.
 * @throws SourceError if a file cannot be written.
 */
export async function writeGraph(
  graph: Graph,
  options: WriteGraphOptions,
): Promise<{ graph: WrittenFile; external: WrittenFile | null }> {
  const layout = layOutGraph(graph, options.externalName, options.externalThresholdBytes);
  const main = await openWriter(options.path);
  let side: FileWriter | null = null;
  try {
    side = layout.externalBytes > 0 ? await openWriter(options.externalPath) : null;
    await main.write(layout.preamble);
    let doneBytes = 0;
    for (const [i, { initializer, externalOffset }] of layout.placed.entries()) {
      throwIfAborted(options.signal);
      await main.write(layout.headers[i]!);
      const bytes = await initializer.load();
      if (externalOffset === null || side === null) {
        await main.write(bytes);
      } else {
        await side.write(new Uint8Array(externalOffset - side.sizeBytes()));
        await side.write(bytes);
      }
      doneBytes += bytes.length;
      options.onBytes?.(doneBytes);
    }
    return { graph: await main.finish(), external: side === null ? null : await side.finish() };
  } finally {
    await main.close();
    await side?.close();
  }
}

interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  sizeBytes(): number;
  /** Flushes to disk, so that a later rename never shows a file with holes. */
  finish(): Promise<WrittenFile>;
  close(): Promise<void>;
}

async function openWriter(path: string): Promise<FileWriter> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'wx');
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  const hash = createHash('sha256');
  let sizeBytes = 0;
  return {
    async write(bytes) {
      try {
        for (let done = 0; done < bytes.length; ) {
          done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
        }
      } catch (cause) {
        throw fileError('write', path, cause);
      }
      hash.update(bytes);
      sizeBytes += bytes.length;
    },
    sizeBytes: () => sizeBytes,
    async finish() {
      try {
        await handle.sync();
      } catch (cause) {
        throw fileError('write', path, cause);
      }
      return { sizeBytes, sha256: hash.digest('hex') };
    },
    close: () => handle.close(),
  };
}
