import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../core/errors.ts';
import type { PyramidManifest, PyramidSource } from './pyramid-manifest.ts';

/**
 * Makes sure that a pyramid was made of this very file, read in this way. Where the file lies does not matter.
 * @throws ConfigError naming what differs
 */
export function checkSource(dir: string, { source: recorded }: PyramidManifest, source: PyramidSource): void {
  // As it would be in pyramid.json: without what JSON has no words for.
  const given: PyramidSource = JSON.parse(JSON.stringify(source));
  const differences = [...new Set([...Object.keys(recorded), ...Object.keys(given)])]
    .filter((name) => name !== 'url' && !isDeepStrictEqual(placeless(recorded[name]), placeless(given[name])))
    .map((name) => `${name} was ${JSON.stringify(recorded[name])} and is ${JSON.stringify(given[name])}`);
  if (differences.length === 0) return;
  throw new ConfigError(
    `The altitude pyramid in ${dir} was not made of ${source.url} as it is now: ${differences.join('; ')}. Build the pyramid again, or use sampling "exact".`,
    { pointer: '/pyramid', value: dir },
  );
}

/** A list of files without where they are; anything else as it is. */
function placeless(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item) =>
    typeof item === 'object' && item !== null ? { ...item, url: undefined } : item,
  );
}
