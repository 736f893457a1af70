import { dirname, isAbsolute, join } from 'node:path';
import { ConfigError, FormatError } from '../core/errors.ts';
import { type OpenSourceOptions, openByteSource } from '../io/open-source.ts';
import { localPathOf, schemeOf, withoutSecrets } from '../io/urls.ts';

/** Bytes of a list; a line a file, that is several hundred thousand files. */
const MOST_LIST_BYTES = 64 * 1024 * 1024;

/**
 * The files of a scene, given as one name or several. `@NAME` is a text file that lists them, one a line (empty lines and
 * lines that begin with `#` are left out); a name that ends in `.geojson` or `.json` is a tile index as `gdaltindex` writes
 * it, a feature a file with its name in the property `location`. Relative names in a list are relative to the list, and
 * `/vsicurl/` and `/vsis3/` before a name mean what they mean to GDAL. A file that is listed again counts once.
 * @throws ConfigError for an empty list; FormatError for a tile index that is none; SourceError
 */
export async function listSceneFiles(
  scene: string | readonly string[],
  options: OpenSourceOptions = {},
): Promise<readonly string[]> {
  const names = typeof scene === 'string' ? [scene] : scene;
  const files: string[] = [];
  for (const name of names) {
    if (name.startsWith('@')) files.push(...(await readList(name.slice(1), options)));
    else if (isTileIndex(name)) files.push(...(await readTileIndex(name, options)));
    else files.push(name);
  }
  if (files.length > 0) return [...new Set(files)];
  const given =
    names.length === 0
      ? 'no scene is given'
      : `${names.map((name) => withoutSecrets(listOf(name) ?? name)).join(', ')} lists no file`;
  throw new ConfigError(`${given}; name at least one GeoTIFF`, { pointer: '/scene', value: names });
}

/** The URL of the list or tile index that a name stands for; `null` for a raster. */
export function listOf(name: string): string | null {
  if (name.startsWith('@')) return name.slice(1);
  return isTileIndex(name) ? name : null;
}

/** The ending counts, also of URLs with a signature or a version behind it. */
function isTileIndex(name: string): boolean {
  const path = localPathOf(name) === null ? name.replace(/[?#].*$/s, '') : name;
  return /\.(geo)?json$/i.test(path);
}

async function readList(url: string, options: OpenSourceOptions): Promise<string[]> {
  const text = await readText(url, options);
  if (text.includes('\0')) {
    const shown = withoutSecrets(url);
    throw new FormatError(
      `${shown} is no text, and so no list of files; leave out the @ if it is the scene itself`,
      { url: shown, what: 'list of files' },
    );
  }
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => besideList(url, line));
}

async function readTileIndex(url: string, options: OpenSourceOptions): Promise<string[]> {
  const wrong = (what: string) =>
    new FormatError(
      `${withoutSecrets(url)} is not a tile index: ${what}; expected GeoJSON whose features name a file each in the property "location", as gdaltindex writes it`,
      { url: withoutSecrets(url), what: 'tile index' },
    );
  let json: unknown;
  try {
    json = JSON.parse(await readText(url, options));
  } catch (error) {
    if (error instanceof SyntaxError) throw wrong(`it is not JSON (${error.message})`);
    throw error;
  }
  const { features } = (json ?? {}) as { features?: unknown };
  if (!Array.isArray(features)) throw wrong('it has no features');
  return features.map((feature: { properties?: { location?: unknown } | null } | null, i) => {
    const location = feature?.properties?.location;
    if (typeof location !== 'string' || location === '') throw wrong(`feature ${i} has no location`);
    return besideList(url, location);
  });
}

async function readText(url: string, options: OpenSourceOptions): Promise<string> {
  const source = await openByteSource(url, options);
  try {
    if (source.sizeBytes > MOST_LIST_BYTES) {
      throw new FormatError(
        `${source.url} has ${source.sizeBytes} bytes, too many for a list of files; is it the scene itself?`,
        { url: source.url, what: 'list of files' },
      );
    }
    return new TextDecoder().decode(await source.read(0, source.sizeBytes, options.signal));
  } finally {
    await source.close();
  }
}

/** A name in a list, as seen from here. */
function besideList(list: string, listed: string): string {
  const name = withoutGdalPrefix(listed);
  if (schemeOf(name) !== null || isAbsolute(name)) return name;
  const path = localPathOf(list);
  if (path !== null) return join(dirname(path), name);
  if (schemeOf(list) === 's3') return besideKey(list, name);
  // Names of files may hold a colon or a number sign, which would be a scheme and a fragment of a URL.
  return new URL(`./${name.replaceAll('#', '%23')}`, list).href;
}

/** Rasters that GDAL read from afar stand in its indexes under names of its own. */
function withoutGdalPrefix(name: string): string {
  return name.replace(/^\/vsicurl\/(?=https?:)/, '').replace(/^\/vsis3\//, 's3://');
}

/** Keys of S3 are taken as they are: a URL's rules would encode them. */
function besideKey(list: string, name: string): string {
  const [, bucket = '', key = ''] = /^(s3:\/\/[^/]*\/)(.*?)(?:\?versionId=[^&]*)?$/is.exec(list) ?? [];
  let folder = key.replace(/[^/]*$/, '');
  let rest = name;
  for (let step = STEP.exec(rest); step !== null; step = STEP.exec(rest)) {
    if (step[0] === '../') folder = folder.replace(/[^/]*\/$/, '');
    rest = rest.slice(step[0].length);
  }
  return bucket + folder + rest;
}

const STEP = /^\.\.?\//;
