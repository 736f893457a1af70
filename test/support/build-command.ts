import { spawnSync } from 'node:child_process';

/** Builds `dist` once before the tests, so that those that run the `frustum` command run the code under test. */
export default function setup(): void {
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'build'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build failed:\n${stdout}`);
}
