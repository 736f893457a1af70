import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import { describeCollection, joinCollection, type StacCollection } from '../sink/stac/collection.ts';
import { STAC_ITEM_FILE, type StacItem } from '../sink/stac/item.ts';
import { openTextSink, type TextSink } from '../sink/text-file.ts';
import { commitTogether } from './commit-together.ts';
import { RUN_FILE, type RunRecord } from './run-record.ts';

/** Finished runs, and the collection to make of them. */
export interface CollectOptions {
  /** Output folders of `frustum segment`. */
  readonly runs: readonly string[];
  /** The collection's file; its items go to the folder `items` beside it. */
  readonly out: string;
  /** By default the name of the collection's folder. */
  readonly id?: string;
  /** By default the id. */
  readonly title?: string;
  readonly description?: string;
}

/** What was written. */
export interface CollectReport {
  readonly collection: StacCollection;
  /** Absolute paths, the collection last. */
  readonly outputs: readonly string[];
}

/**
 * Makes a STAC Collection of finished runs: `collection.json`, and a copy of each run's item as a member of it, whose
 * links lead to the run's files. The runs' folders stay as they are.
 * @throws ConfigError where a folder holds no finished run, or two runs are the same; SourceError
 */
export async function collectRuns(options: CollectOptions): Promise<CollectReport> {
  const out = resolve(options.out);
  const folder = dirname(out);
  const id = options.id ?? (basename(folder) || 'land-cover');
  const runs = await Promise.all(options.runs.map(readRun));
  const members = runs.map(({ dir, item }) => {
    const path = join(folder, 'items', `${item.id}.json`);
    return { item: moveItem(item, dir, dirname(path)), path, href: hrefTo(folder, path) };
  });
  const collection = describeCollection({
    id,
    title: options.title ?? id,
    description: options.description ?? `Land cover of ${runs.length} scenes, mapped by Frustum`,
    file: basename(out),
    items: members,
  });
  const sinks: TextSink[] = [];
  try {
    for (const { item, path } of members) {
      const member = joinCollection(item, collection, hrefTo(dirname(path), out));
      sinks.push(await openTextSink(path, toText(member)));
    }
    sinks.push(await openTextSink(out, toText(collection)));
    return { collection, outputs: await commitTogether(sinks) };
  } catch (error) {
    await Promise.all(sinks.map((sink) => sink.abort()));
    throw error;
  }
}

async function readRun(dir: string): Promise<{ readonly dir: string; readonly item: StacItem }> {
  const refuse = (why: string): never => {
    throw new ConfigError(`${dir} holds no finished run of frustum segment: ${why}`, {
      pointer: 'runs',
      value: dir,
    });
  };
  const record = (await readJson(join(dir, RUN_FILE))) as Partial<RunRecord> | null;
  if (record?.format !== 'frustum-run') return refuse(`there is no ${RUN_FILE} that can be read`);
  const outputs = Array.isArray(record.outputs) ? record.outputs : [];
  for (const { file, sizeBytes } of outputs) {
    const found = await stat(join(dir, file)).catch(() => null);
    if (found?.size !== sizeBytes) return refuse(`${file} is gone or was changed; run it again`);
  }
  const listed = outputs.some(({ file }) => file === STAC_ITEM_FILE);
  const item = listed ? ((await readJson(join(dir, STAC_ITEM_FILE))) as StacItem | null) : null;
  if (item === null || typeof item.id !== 'string') {
    return refuse(`it has no ${STAC_ITEM_FILE}; run it again with this version`);
  }
  return { dir: resolve(dir), item };
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}

/** The item as it reads in another folder: relative links lead to the same files as before. */
function moveItem(item: StacItem, from: string, to: string): StacItem {
  const move = <T extends { readonly href: string }>(entry: T): T =>
    /^[a-z][a-z0-9+.-]*:/i.test(entry.href)
      ? entry
      : { ...entry, href: hrefTo(to, resolve(from, ...entry.href.split('/').map(decodeURIComponent))) };
  return {
    ...item,
    links: item.links.map(move),
    assets: Object.fromEntries(Object.entries(item.assets).map(([key, asset]) => [key, move(asset)])),
  };
}

function hrefTo(folder: string, path: string): string {
  const parts = relative(folder, path).split(sep).map(encodeURIComponent);
  return parts[0] === '..' ? parts.join('/') : `./${parts.join('/')}`;
}

function toText(document: unknown): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
