import { ConfigError } from '../core/errors.ts';
import type { ModelManifest } from './manifest.ts';

/** What is known of a network before it is opened. */
export type DeviceForm = Pick<ModelManifest, 'window' | 'graphs' | 'architecture'>;

/** Most windows that go through the network at once unless more are asked for: beyond it GPUs gain nothing. */
const MOST = 16;
/** Part of a GPU's free memory that is planned for: the rest is for what libraries allot to themselves. */
const PART = 0.7;
/** What CUDA, cuDNN and cuBLAS hold in a process before any weight is there. */
const CONTEXT_BYTES = 2 ** 30;

/**
 * How many windows a GPU takes at once: as many as fit into seven tenths of its free memory beside 1 GiB for the runtime and
 * the weights twice (as they are stored, and as operators lay them out), at {@link windowBytes} each; a power of two, at
 * least 1 and at most 16.
 * @param freeBytes of the GPU that has least, a process; `null` where nobody knows
 */
export function chooseBatch(manifest: DeviceForm, freeBytes: number | null): number {
  if (freeBytes === null) return 1;
  const room = PART * freeBytes - deviceBytes(manifest, 0);
  const fitting = Math.min(Math.floor(room / windowBytes(manifest)), MOST);
  return fitting < 2 ? 1 : 2 ** Math.floor(Math.log2(fitting));
}

/**
 * What a process is expected to take of its GPU's memory: the runtime, the weights twice, and {@link windowBytes} for each
 * window of a batch. Measured with CUDA alone.
 */
export function deviceBytes(manifest: DeviceForm, batch: number): number {
  const files = Object.values(manifest.graphs).flatMap((graph) =>
    graph.externalData ? [graph, graph.externalData] : [graph],
  );
  const weights = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return CONTEXT_BYTES + 2 * weights + batch * windowBytes(manifest);
}

/**
 * Refuses a batch that somebody asked for and that the memory of the GPUs is known not to hold.
 * @param freeBytes of the GPU that has least, a process; `null` where nobody knows
 * @throws ConfigError
 */
export function checkDeviceMemory(manifest: DeviceForm, batch: number, freeBytes: number | null): void {
  const bytes = deviceBytes(manifest, batch);
  if (freeBytes === null || bytes <= freeBytes) return;
  const mib = (n: number) => Math.ceil(n / 2 ** 20);
  const most = Math.floor((freeBytes - deviceBytes(manifest, 0)) / windowBytes(manifest));
  throw new ConfigError(
    `--batch ${batch}: so many windows take about ${mib(bytes)} MiB of a GPU, and ${mib(freeBytes)} MiB are free for each process; ${most >= 1 ? `expected at most ${most}` : 'free some, or take --provider cpu'}`,
    { pointer: '--batch', value: batch },
  );
}

/** Finest maps of the decoder that a window has alive at once, at most, with what operators need for themselves. */
const MAPS = 12;

/** What a window takes beside the weights: maps of the decoder's width at a quarter of the resolution, in float32. */
export function windowBytes({
  window,
  architecture,
}: Pick<ModelManifest, 'window' | 'architecture'>): number {
  const { channels } = (architecture.head ?? {}) as { readonly channels?: unknown };
  return MAPS * (typeof channels === 'number' ? channels : 512) * Math.ceil(window / 4) ** 2 * 4;
}
