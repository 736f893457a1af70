import type { Finding } from './finding.ts';

const OLDEST = [20, 9] as const;

/**
 * Whether this Node.js runs Frustum.
 * @param version as `process.versions.node` gives it
 * @param platform e.g. `linux-x64`
 */
export function checkNode(version: string, platform: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const found = `${version} on ${platform}`;
  const old = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  return old
    ? {
        name: 'node',
        state: 'problem',
        found: `${found}, older than ${OLDEST.join('.')}`,
        advice: 'install a supported release of Node.js',
      }
    : { name: 'node', state: 'ok', found, advice: null };
}
