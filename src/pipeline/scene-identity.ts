import { randomUUID } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import { localPathOf } from '../io/urls.ts';

/** What tells one input from another, and from itself after a change; carries no secrets. */
export interface FileIdentity {
  /** Local: the real path, however it was spelt. Remote: the URL without query, user and password. */
  readonly url: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number | null;
  /** Of remote inputs: their entity tag, version or date. */
  readonly version?: string;
}

/**
 * The identity of an open input. Where a server says nothing that would show a change, no two openings are the same: a
 * run over it is done again rather than taken for done.
 * @throws Error of the file system if a local file is no longer there
 */
export async function identifyFile(
  info: Pick<GeoTiffInfo, 'url' | 'sizeBytes' | 'modifiedMs' | 'version'>,
): Promise<FileIdentity> {
  const { url, sizeBytes, modifiedMs, version } = info;
  const path = localPathOf(url);
  if (path !== null) return { url: await realpath(path), sizeBytes, modifiedMs };
  return { url, sizeBytes, modifiedMs, version: version ?? randomUUID() };
}
