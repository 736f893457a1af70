import { type Finding, formatBytes } from './finding.ts';
import type { Limits } from './read-limits.ts';

const MIB = 1024 ** 2;
/** A run over a small scene with a small network holds about half of this. */
const LEAST_BYTES = 768 * MIB;
/** A run over a scene of 7200 x 6800 px with SFR-Net as published. */
const USUAL_BYTES = 4096 * MIB;

/** Whether there is memory for a run. */
export function checkMemory(limits: Limits): Finding {
  const { machineBytes, availableBytes, groupBytes } = limits;
  const usable = Math.min(groupBytes ?? Number.POSITIVE_INFINITY, machineBytes);
  const found = [
    `${formatBytes(machineBytes)}, ${formatBytes(availableBytes)} of it available`,
    ...(groupBytes === null ? [] : [`a control group allows ${formatBytes(groupBytes)}`]),
  ].join('; ');
  if (usable < LEAST_BYTES) {
    return {
      name: 'memory',
      state: 'problem',
      found,
      advice: `give it at least ${formatBytes(LEAST_BYTES)}${groupBytes === null ? '' : ' (the container or job has a limit of its own)'}`,
    };
  }
  if (Math.min(usable, availableBytes) < USUAL_BYTES) {
    return {
      name: 'memory',
      state: 'warning',
      found,
      advice: `large networks and scenes need about ${formatBytes(USUAL_BYTES)}: frustum plan and frustum segment say how much a run will hold`,
    };
  }
  return { name: 'memory', state: 'ok', found, advice: null };
}

/** How many processors work. */
export function checkProcessors({ processors, groupProcessors }: Limits): Finding {
  if (groupProcessors === null || groupProcessors >= processors) {
    return { name: 'processors', state: 'ok', found: String(processors), advice: null };
  }
  const share = Number(groupProcessors.toFixed(2));
  return {
    name: 'processors',
    state: 'warning',
    found: `${processors}, but a control group allows the time of ${share}`,
    advice: `more threads than that slow a run down: --threads ${Math.max(1, Math.floor(groupProcessors))}`,
  };
}
