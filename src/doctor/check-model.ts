import { modelChecksum, readModelManifest } from '../model/read-manifest.ts';
import { type Finding, reasonOf } from './finding.ts';

/** Whether a model folder is whole: its files' sizes and SHA-256 are those of its manifest. */
export async function checkModel(dir: string): Promise<Finding> {
  const name = `model ${dir}`;
  try {
    const manifest = await readModelManifest(dir, true);
    const checksum = modelChecksum(manifest);
    return {
      name,
      state: 'ok',
      found: `${manifest.name}: ${manifest.classes.length} classes, all files as in the manifest (${checksum.slice(0, 12)})`,
      advice: null,
    };
  } catch (error) {
    return { name, state: 'problem', found: reasonOf(error), advice: 'fetch or convert the model again' };
  }
}
