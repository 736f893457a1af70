import { createHash } from 'node:crypto';
import { readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileAtomic } from '../io/atomic-file.ts';
import { hashFile } from '../model/read-manifest.ts';

/** File name of a run's metadata in its output folder; written last, so its presence says that the run is whole. */
export const RUN_FILE = 'run.json';

/** A file that a run wrote. */
export interface OutputRecord {
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** The part of every run's metadata that decides whether a rerun has anything to do. */
export interface RunRecord {
  readonly format: 'frustum-run';
  readonly version: 1;
  readonly verb: string;
  /** SHA-256 of all that the outputs are a function of: inputs, configuration, model, version of Frustum. */
  readonly identity: string;
  readonly outputs: readonly OutputRecord[];
}

/** SHA-256 of inputs as canonical JSON (keys sorted). */
export function identityOf(inputs: unknown): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, child]) => [key, sorted(child)]),
    );
  };
  return createHash('sha256')
    .update(JSON.stringify(sorted(inputs)))
    .digest('hex');
}

/** Size and SHA-256 of finished output files. */
export async function describeOutputs(paths: readonly string[]): Promise<OutputRecord[]> {
  const records: OutputRecord[] = [];
  for (const path of paths) {
    const { size } = await stat(path);
    records.push({ file: basename(path), sizeBytes: size, sha256: await hashFile(path) });
  }
  return records;
}

/**
 * The record of a finished run in `dir`, if it has this identity and all of its outputs are there unchanged; else `null`.
 * Anything unreadable counts as not finished: the run is then simply done again.
 */
export async function findFinishedRun<T extends RunRecord>(dir: string, identity: string): Promise<T | null> {
  const record = await readRecord(join(dir, RUN_FILE));
  if (record?.identity !== identity || !Array.isArray(record.outputs)) return null;
  for (const output of record.outputs) {
    const path = join(dir, output.file);
    const found = await stat(path).catch(() => null);
    if (found?.size !== output.sizeBytes || (await hashFile(path)) !== output.sha256) return null;
  }
  return record as T;
}

async function readRecord(path: string): Promise<RunRecord | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RunRecord;
  } catch {
    return null;
  }
}

/**
 * Takes an earlier run's record away before its outputs are replaced, so that it never describes files it did not make.
 * @returns names of the files that the earlier run wrote
 */
export async function takeRecord(dir: string): Promise<readonly string[]> {
  const path = join(dir, RUN_FILE);
  const earlier = await readRecord(path);
  await rm(path, { force: true });
  const outputs = Array.isArray(earlier?.outputs) ? earlier.outputs : [];
  return outputs.map(({ file }) => file).filter((file) => basename(file) === file);
}

/**
 * Writes the record of a run whose outputs are all in place. Files of an earlier run that this one did not make again are
 * removed first, so that the folder holds one run.
 */
export async function writeRecord(
  dir: string,
  record: RunRecord,
  earlierFiles: readonly string[],
): Promise<void> {
  const kept = new Set(record.outputs.map((output) => output.file));
  for (const file of earlierFiles) if (!kept.has(file)) await rm(join(dir, file), { force: true });
  await writeFileAtomic(join(dir, RUN_FILE), `${JSON.stringify(record, null, 2)}\n`);
}
