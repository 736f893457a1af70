import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/**
 * A disk of `sizeBytes` for tests of what happens when it is full, unmounted after the suite; `null` (and a line that
 * says so) where this process may not mount one. Call it in a `describe` body.
 */
export function mountSmallDisk(sizeBytes: number): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'frustum-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (cause) {
    rmSync(folder, { recursive: true });
    if (process.env.FRUSTUM_TEST_ALL === '1')
      throw new Error('FRUSTUM_TEST_ALL=1, but no tmpfs can be mounted', { cause });
    process.stderr.write('left out: full-disk tests (mounting a small tmpfs needs root)\n');
    return null;
  }
  afterAll(() => {
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}
