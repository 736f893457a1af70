import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Finding, reasonOf } from './finding.ts';

const run = promisify(execFile);

/**
 * The NVIDIA GPUs that the driver shows.
 * @param needed whether a run is to use one
 * @param command driver's query tool; another one in tests
 */
export async function checkGpus(needed: boolean, command = 'nvidia-smi'): Promise<Finding> {
  const name = 'gpu';
  try {
    const { stdout } = await run(
      command,
      ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'],
      { timeout: 20_000 },
    );
    const gpus = stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '');
    if (gpus.length > 0) return { name, state: 'ok', found: gpus.join('; '), advice: null };
    return absent('the NVIDIA driver shows none');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return absent(missing ? 'no NVIDIA driver (nvidia-smi is not there)' : `nvidia-smi: ${reasonOf(error)}`);
  }

  function absent(found: string): Finding {
    return needed
      ? {
          name,
          state: 'problem',
          found,
          advice: 'use a machine with an NVIDIA GPU and its driver; containers need the NVIDIA runtime',
        }
      : { name, state: 'skipped', found, advice: null };
  }
}
