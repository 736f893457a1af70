import { fileURLToPath } from 'node:url';
import { SourceError, UnsupportedError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import { openFileSource } from './file-source.ts';

/**
 * Opens bytes by URL: a local path or a `file:` URL.
 *
 * @throws SourceError if the file is missing, a directory, or may not be read.
 * @throws UnsupportedError for schemes that Frustum does not read, naming the scheme.
 */
export async function openByteSource(url: string): Promise<ByteSource> {
  const scheme = schemeOf(url);
  if (scheme === null) return openFileSource(url, url);
  if (scheme === 'file') return openFileSource(url, pathOfFileUrl(url));
  throw new UnsupportedError(
    `${withoutSecrets(url)}: reading ${scheme}: URLs is not supported; copy the file to a local disk and give its path`,
    { feature: `${scheme}: sources`, hint: 'copy the file to a local disk and give its path' },
  );
}

/** The scheme of a URL in lower case, or `null` for a plain path (also for `C:\...` and for names such as `a12:00.tif`). */
function schemeOf(url: string): string | null {
  const match = /^(?:([a-z][a-z0-9+.-]+):\/\/|(file):)/i.exec(url);
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}

function pathOfFileUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new SourceError(
      `${url} is not a usable file: URL; expected file:///absolute/path, or give the plain path`,
      { url, cause },
    );
  }
}

/** A URL fit for messages: without query (signed URLs carry credentials there), user and password. */
function withoutSecrets(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9+.-]+:\/\/)[^/]*@/i, '$1');
}
