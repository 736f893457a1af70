import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { LandCoverClass } from '../core/classes.ts';
import { ConfigError, SourceError } from '../core/errors.ts';
import { landCoverClassSchema } from '../model/manifest.ts';

const listed = z.object({ classes: z.array(landCoverClassSchema).min(1) });

/**
 * Reads the classes of a JSON file: a model's `manifest.json`, a conversion preset, or any object with such a `classes` list.
 * @throws SourceError, ConfigError
 */
export async function readClasses(path: string): Promise<LandCoverClass[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError(`${path}: the class list can't be read (${cause.code})`, {
      url: path,
      status: cause.code ?? null,
      cause,
    });
  });
  try {
    return listed.parse(JSON.parse(text)).classes;
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll('\n', ' ') : String(cause);
    throw new ConfigError(
      `${path}: no class list: ${why}; expected {"classes": [{"id": 0, "name": "...", "color": "#rrggbb"}]}`,
      { pointer: '/classes', cause },
    );
  }
}
