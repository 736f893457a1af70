import { isFrustumError, SourceError, UnsupportedError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import { openFileSource } from './file-source.ts';
import { createHttpTransport } from './http-transport.ts';
import { openRemoteSource } from './remote-source.ts';
import type { SourceOptions } from './source-options.ts';
import { localPathOf, schemeOf, withoutSecrets } from './urls.ts';

/** {@link SourceOptions}, and what stops the opening. */
export interface OpenSourceOptions extends SourceOptions {
  readonly signal?: AbortSignal;
}

/**
 * Opens bytes by URL: a local path, or a `file:`, `http:`, `https:` or `s3:` URL.
 *
 * @throws SourceError if the file is missing, a directory, or may not be read.
 * @throws UnsupportedError for schemes that Frustum does not read, naming the scheme.
 * @throws AbortedError once `options.signal` fires
 */
export async function openByteSource(url: string, options: OpenSourceOptions = {}): Promise<ByteSource> {
  const path = localPathOf(url);
  if (path !== null)
    return openFileSource(url, path).catch((error) => Promise.reject(lessSlashes(url, error)));
  const scheme = schemeOf(url);
  switch (scheme) {
    case 'http':
    case 'https':
      return openRemoteSource(createHttpTransport(url), options);
    case 's3': {
      // The AWS SDK takes a while to load, which only those who need it should wait for.
      const { createS3Transport } = await import('./s3-transport.ts');
      return openRemoteSource(createS3Transport(url, options.s3 ?? {}), options);
    }
    default:
      throw new UnsupportedError(
        `${withoutSecrets(url)}: reading ${scheme}: URLs is not supported; give a path, an http(s): or an s3: URL, or copy the file to a local disk`,
        { feature: `${scheme}: sources`, hint: 'give a path, an http(s): or an s3: URL' },
      );
  }
}

/** A missing file that looks like a URL with too few slashes is hardly a file, and may hold a password. */
function lessSlashes(url: string, error: unknown): unknown {
  const scheme = /^(https?|s3):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined || !isFrustumError(error) || error.tag !== 'SourceError') return error;
  const { status } = error;
  if (status !== 'ENOENT' && status !== 'ENOTDIR') return error;
  return new SourceError(
    `no file has the name given, which begins with ${scheme}: but is no URL; expected ${scheme}://, with two slashes, or the path of a file`,
    { url: `${scheme}:`, status },
  );
}

/** How sources say that there is nothing; stores say 403 of missing objects to those who may not list them. */
const MISSING: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 403, 404, 410]);

/**
 * Opens what may be there or not, such as a file beside a scene.
 * @returns `null` if there is nothing, which for remote sources includes what may not be read
 * @throws as {@link openByteSource} does for everything else
 */
export async function openOptionalByteSource(
  url: string,
  options: OpenSourceOptions = {},
): Promise<ByteSource | null> {
  try {
    return await openByteSource(url, options);
  } catch (error) {
    if (isFrustumError(error) && error.tag === 'SourceError' && MISSING.has(error.status)) return null;
    throw error;
  }
}
