import { createHash } from 'node:crypto';
import { FormatError } from '../core/errors.ts';
import { type OpenSourceOptions, openByteSource } from '../io/open-source.ts';
import type { LonLatArea } from './lon-lat-area.ts';
import { parseGeoJson } from './parse-geojson.ts';

/** Bytes of a file that is read whole. */
const MOST_BYTES = 128 * 1024 * 1024;

/**
 * Reads an area of interest from a GeoJSON file: a path, or a `file:`, `http(s):` or `s3:` URL.
 * @returns the area, and the SHA-256 of the file
 * @throws SourceError, FormatError
 */
export async function readArea(
  url: string,
  options: OpenSourceOptions = {},
): Promise<{ readonly area: LonLatArea; readonly sha256: string }> {
  const source = await openByteSource(url, options);
  try {
    if (source.sizeBytes > MOST_BYTES) {
      throw new FormatError(
        `${source.url}: ${source.sizeBytes} bytes are too many for an area of interest, expected at most ${MOST_BYTES}; simplify it, or cut it to the scene`,
        { url: source.url, what: 'size' },
      );
    }
    const bytes = await source.read(0, source.sizeBytes, options.signal);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { area: parseGeoJson(new TextDecoder().decode(bytes), source.url), sha256 };
  } finally {
    await source.close();
  }
}
