import { readdir, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import { writeError } from '../io/atomic-file.ts';
import type { OpenSourceOptions } from '../io/open-source.ts';
import { localPathOf, schemeOf, withoutSecrets } from '../io/urls.ts';
import { openObjectStore } from './object-store.ts';
import { readText } from './read-plan.ts';
import { findStacScenes } from './stac-scenes.ts';

const RASTER = /\.tiff?$/i;

/**
 * The scenes that names stand for, each once, in the order of the names. A folder, or an `s3:` URL that ends in a slash, is
 * every GeoTIFF below it, by name; `@FILE` is a list, one scene a line (empty lines and lines that begin with `#` are left
 * out; relative names are relative to the list); a `.json` file is a STAC Item, Collection or ItemCollection, and a STAC
 * server's answer; anything else is a scene as `segment` takes it, a tile index (`.geojson`) among them.
 * @param asset which asset of STAC Items is the scene, where an Item has several
 * @throws ConfigError where there are none; FormatError, SourceError
 */
export async function listScenes(
  names: readonly string[],
  options: OpenSourceOptions & { readonly asset?: string } = {},
): Promise<readonly string[]> {
  const scenes: string[] = [];
  for (const name of names) scenes.push(...(await scenesOf(name, options)));
  if (scenes.length > 0) return [...new Set(scenes)];
  throw new ConfigError(`${names.map(withoutSecrets).join(', ')}: no scene is there; expected GeoTIFFs`, {
    pointer: 'SCENES',
    value: names,
  });
}

async function scenesOf(
  name: string,
  options: OpenSourceOptions & { readonly asset?: string },
): Promise<readonly string[]> {
  if (name.startsWith('@')) {
    const list = name.slice(1);
    const lines = (await readText(list, options)).split(/\r?\n/).map((line) => line.trim());
    return lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const local = localPathOf(line);
        const folder = localPathOf(list);
        return local === null || folder === null || isAbsolute(local) ? line : join(dirname(folder), local);
      });
  }
  if (schemeOf(name) === 's3' && name.endsWith('/')) {
    const store = await openObjectStore(name, options);
    return (await store.list('')).filter((key) => RASTER.test(key)).map((key) => store.urlOf(key));
  }
  const path = localPathOf(name);
  if (path !== null && (await stat(path).catch(() => null))?.isDirectory()) {
    const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
      throw writeError(path, cause);
    });
    return entries
      .filter((entry) => entry.isFile() && RASTER.test(entry.name) && !entry.name.startsWith('.'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  }
  if (/\.json$/i.test(path === null ? name.replace(/[?#].*$/s, '') : name)) {
    return findStacScenes(name, options);
  }
  return [name];
}
