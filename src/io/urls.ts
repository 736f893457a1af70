import { fileURLToPath } from 'node:url';
import { SourceError } from '../core/errors.ts';

/** The scheme of a URL in lower case, or `null` for a plain path (also for `C:\...` and for names such as `a12:00.tif`). */
export function schemeOf(url: string): string | null {
  const match = /^(?:([a-z][a-z0-9+.-]+):\/\/|(file):)/i.exec(url);
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}

/** Where a local file is on disk, given as a path or a `file:` URL; `null` for what is not local. */
export function localPathOf(url: string): string | null {
  const scheme = schemeOf(url);
  if (scheme === null) return url;
  if (scheme !== 'file') return null;
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new SourceError(
      `${url} is not a usable file: URL; expected file:///absolute/path, or give the plain path`,
      { url, cause },
    );
  }
}

/**
 * A URL fit for messages and records: without query and fragment (signed URLs carry credentials there), user and
 * password. Paths come back as they are, and so do the `?` and `#` that may be part of an S3 key, up to a signature.
 */
export function withoutSecrets(url: string): string {
  const scheme = schemeOf(url);
  if (scheme === null || scheme === 'file') return url;
  const anonymous = url.replace(/^([a-z][a-z0-9+.-]+:\/\/)[^/?#]*@/i, '$1');
  return anonymous.replace(scheme === 's3' ? SIGNED_QUERY : /[?#].*$/s, '');
}

/** What makes a query of an S3 URL a signature rather than a part of its key. */
const SIGNED_QUERY = /\?(?=.*(?:X-Amz-|AWSAccessKeyId=|Signature=)).*$/is;
