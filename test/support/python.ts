import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

/** The Python that test/requirements.txt is installed into: `FRUSTUM_TEST_PYTHON`, or the checkout's own environment. */
export const testPython = process.env.FRUSTUM_TEST_PYTHON ?? resolve('.cache/python/bin/python');

/**
 * Whether the Python for tests has these modules, for `describe.skipIf(!needPython('shapely'))`. Says so when a suite is left
 * out, and throws instead of leaving it out when `FRUSTUM_TEST_ALL=1`.
 */
export function needPython(...modules: string[]): boolean {
  try {
    execFileSync(testPython, ['-c', modules.map((name) => `import ${name}`).join(';')], { stdio: 'ignore' });
    return true;
  } catch (cause) {
    const names = modules.join(', ');
    if (process.env.FRUSTUM_TEST_ALL === '1')
      throw new Error(
        `FRUSTUM_TEST_ALL=1, but Python's ${names} is missing (pip install -r test/requirements.txt)`,
        {
          cause,
        },
      );
    process.stderr.write(`left out: tests that need Python's ${names}\n`);
    return false;
  }
}
