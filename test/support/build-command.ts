import { spawnSync } from 'node:child_process';
import { testsWithoutData } from './shared-data.ts';

/** Says what is left out, and builds `dist` once before the tests, so that those that run the `frustum` command run the code under test. */
export default function setup(): void {
  const { length } = testsWithoutData();
  if (length > 0)
    process.stderr.write(`left out: ${length} test files that compare with data in ../shared\n`);
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'build'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build failed:\n${stdout}`);
}
