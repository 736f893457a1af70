/**
 * What Node.js processes that Frustum starts are started with, as `bin/frustum.js` and the container images are: both take
 * memory off and no time. Results do not depend on it.
 */

/** glibc's thresholds, which others pass over: what is freed goes back to the system instead of leaving holes. */
export const ALLOCATOR: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: '262144',
  MALLOC_TRIM_THRESHOLD_: '1048576',
};

/** The young generation as large as in Node.js 20; later versions let it grow to twice that. */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=16'];
