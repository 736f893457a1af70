import { UnsupportedError } from '../core/errors.ts';
import type { ByteSource } from '../core/ports.ts';
import { openFileSource } from './file-source.ts';
import type { SourceOptions } from './source-options.ts';
import { localPathOf, schemeOf, withoutSecrets } from './urls.ts';

/** {@link SourceOptions}, and what stops the opening. */
export interface OpenSourceOptions extends SourceOptions {
  readonly signal?: AbortSignal;
}

/**
 * Opens bytes by URL: a local path or a `file:` URL.
 *
 * @throws SourceError if the file is missing, a directory, or may not be read.
 * @throws UnsupportedError for schemes that Frustum does not read, naming the scheme.
 */
export async function openByteSource(url: string, _options: OpenSourceOptions = {}): Promise<ByteSource> {
  const path = localPathOf(url);
  if (path !== null) return openFileSource(url, path);
  const scheme = schemeOf(url);
  throw new UnsupportedError(
    `${withoutSecrets(url)}: reading ${scheme}: URLs is not supported; copy the file to a local disk and give its path`,
    { feature: `${scheme}: sources`, hint: 'copy the file to a local disk and give its path' },
  );
}
