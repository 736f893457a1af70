import type { MemoryEstimate } from './estimate-memory.ts';

const NAMES: Readonly<Record<Exclude<keyof MemoryEstimate, 'totalBytes'>, string>> = {
  networkBytes: 'network',
  featureBytes: 'kept features',
  baseBytes: 'Node.js',
  cacheBytes: 'decoded blocks',
  decodeBytes: 'decoding',
  viewBytes: 'views',
  stripBytes: 'scores',
  rasterBytes: 'rasters',
  vectorBytes: 'polygons',
};

/** The parts of an estimate in MiB, largest first; parts of less than half a MiB are left out. */
export function formatParts(estimate: MemoryEstimate): string {
  return (Object.keys(NAMES) as (keyof typeof NAMES)[])
    .map((key) => ({ name: NAMES[key], mib: Math.round(estimate[key] / 2 ** 20) }))
    .filter(({ mib }) => mib > 0)
    .sort((a, b) => b.mib - a.mib)
    .map(({ name, mib }) => `${name} ${mib}`)
    .join(', ');
}
