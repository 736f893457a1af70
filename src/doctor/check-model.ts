import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { INTEGER_FOLDER } from '../model/manifest.ts';
import { modelChecksum, readModelManifest } from '../model/read-manifest.ts';
import { type Finding, reasonOf } from './finding.ts';

/** Whether a model folder is whole, and the one with integers in it: files' sizes and SHA-256 are those of the manifests. */
export async function checkModel(dir: string): Promise<Finding> {
  const name = `model ${dir}`;
  try {
    const manifest = await readModelManifest(dir, true);
    const checksum = modelChecksum(manifest);
    const integers = join(dir, INTEGER_FOLDER);
    const alsoThere = (await stat(integers).catch(() => null)) !== null;
    if (alsoThere) await readModelManifest(integers, true);
    return {
      name,
      state: 'ok',
      found: `${manifest.name}: ${manifest.classes.length} classes, all files as in the manifest (${checksum.slice(0, 12)})${alsoThere ? ', also in integers' : ''}`,
      advice: null,
    };
  } catch (error) {
    return { name, state: 'problem', found: reasonOf(error), advice: 'fetch or convert the model again' };
  }
}
