import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ConfigError } from '../core/errors.ts';

/**
 * Makes sure that no output would take the place of an input. Files are compared, not spellings: relative paths, links
 * and `file:` URLs are followed. To be called before an output is opened.
 * @param targets paths that are about to be written; they need not exist
 * @param inputs paths or `file:` URLs that are about to be read
 * @throws ConfigError naming the first such output and its input
 */
export async function refuseOverwrite(targets: readonly string[], inputs: readonly string[]): Promise<void> {
  const sources = await Promise.all(inputs.map(async (input) => ({ input, file: await statOf(input) })));
  for (const target of targets) {
    const found = await statOf(target);
    const same = sources.find(({ file }) => found !== null && file !== null && isSameFile(found, file));
    if (same !== undefined) {
      throw new ConfigError(
        `The output ${target} is the same file as the input ${same.input}, which would be lost. Choose another output path or folder.`,
        { pointer: '--out', value: target },
      );
    }
  }
}

/** `null` where there is no such file, or none that can be looked at: its reader or writer will say so. */
async function statOf(url: string): Promise<BigIntStats | null> {
  try {
    return await stat(/^file:/i.test(url) ? new URL(url) : url, { bigint: true });
  } catch {
    return null;
  }
}

function isSameFile(p: BigIntStats, q: BigIntStats): boolean {
  return p.dev === q.dev && p.ino === q.ino;
}
