import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { FormatError, ModelError, SourceError } from '../core/errors.ts';
import { type ModelManifest, modelManifestSchema } from './manifest.ts';

/**
 * Reads and checks the manifest of a model folder, and that its graph files are there whole.
 * @param verify also compares the files' SHA-256 (reads the weights once)
 * @throws SourceError where the folder or a file is missing, FormatError where the manifest is not one,
 *   ModelError where a file is not the one that the manifest describes
 */
export async function readModelManifest(dir: string, verify: boolean): Promise<ModelManifest> {
  const path = join(dir, 'manifest.json');
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError(
      `${path}: no model manifest can be read there (${cause.code}); --model takes a folder that frustum convert wrote`,
      { url: path, status: cause.code ?? null, cause },
    );
  });
  const manifest = parseManifest(path, text);
  for (const graph of Object.values(manifest.graphs)) {
    for (const part of graph.externalData ? [graph, graph.externalData] : [graph]) {
      await checkFile(join(dir, part.file), part, verify);
    }
  }
  return manifest;
}

function parseManifest(path: string, text: string): ModelManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${path}: not JSON (${(cause as Error).message})`, {
      url: path,
      what: 'JSON',
      cause,
    });
  }
  const parsed = modelManifestSchema.safeParse(json);
  if (!parsed.success) {
    throw new FormatError(
      `${path}: not a model manifest of this version: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}; convert the checkpoint again`,
      { url: path, what: 'model manifest' },
    );
  }
  const { classes } = parsed.data;
  const misplaced = classes.findIndex((c, i) => c.id !== i);
  if (misplaced >= 0) {
    throw new FormatError(
      `${path}: classes[${misplaced}] has id ${classes[misplaced]?.id}, expected ${misplaced}: score channel i belongs to class id i`,
      { url: path, what: `classes[${misplaced}].id` },
    );
  }
  return parsed.data;
}

async function checkFile(
  path: string,
  expected: { sizeBytes: number; sha256: string },
  verify: boolean,
): Promise<void> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError(`${path}: the manifest names this file, but it can't be read (${cause.code})`, {
      url: path,
      status: cause.code ?? null,
      cause,
    });
  });
  if (found.size !== expected.sizeBytes) {
    throw new ModelError(
      `${path}: ${found.size} bytes, but the manifest says ${expected.sizeBytes}: the file was cut short or replaced; convert or fetch the model again`,
      { tensor: path, expected: `${expected.sizeBytes} bytes`, actual: `${found.size} bytes` },
    );
  }
  if (!verify) return;
  const sha256 = await hashFile(path);
  if (sha256 !== expected.sha256) {
    throw new ModelError(
      `${path}: its SHA-256 is ${sha256}, but the manifest says ${expected.sha256}; fetch the model again`,
      {
        tensor: path,
        expected: expected.sha256,
        actual: sha256,
      },
    );
  }
}

/** SHA-256 of a file, hexadecimal, read as a stream. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** One checksum for the whole model: of its graphs' checksums and everything in the manifest that changes answers. */
export function modelChecksum(manifest: ModelManifest): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}
