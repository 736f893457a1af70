import { ConfigError } from '../core/errors.ts';
import { GPU_ORDER, type Gpu } from './list-gpus.ts';
import type { Provider } from './protocol.ts';

/** How the network's work is spread; what is not named is chosen by the machine. */
export interface WorkerOptions {
  readonly provider: Provider;
  /** Inference processes that share the windows; one a GPU with CUDA, else one, unless told. */
  readonly workers?: number;
  /** GPUs by their numbers in CUDA; all that are visible unless told. */
  readonly gpus?: readonly number[];
}

/** One inference process to be. */
export interface WorkerPlan {
  readonly deviceId: number;
  /** What it runs on, for people. */
  readonly device: string;
  /** Free memory of its GPU, for each process that is on it; `null` where nobody knows. */
  readonly freeBytes: number | null;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Chooses a device for each inference process: GPUs in turn.
 * @param visible the GPUs that there are, `null` if nobody knows; only asked for with CUDA
 * @param env this process's variables
 * @throws ConfigError where GPUs are asked for that are not there, or of a provider that can't choose
 */
export function planWorkers(
  { provider, workers, gpus }: WorkerOptions,
  visible: readonly Gpu[] | null,
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly WorkerPlan[] {
  if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1)) {
    throw new ConfigError(`--workers ${workers}: must be a whole number of processes, at least 1`, {
      pointer: '--workers',
      value: workers,
    });
  }
  if (provider !== 'cuda') {
    if (gpus !== undefined) {
      throw new ConfigError(`--gpus ${gpus.join(',')}: only --provider cuda can choose among GPUs`, {
        pointer: '--gpus',
        value: gpus,
      });
    }
    return Array.from({ length: workers ?? 1 }, () => ({
      deviceId: 0,
      device: provider,
      freeBytes: null,
      env: {},
    }));
  }
  const ids = gpus ?? visible?.map(({ deviceId }) => deviceId) ?? [0];
  const missing = visible === null ? undefined : ids.find((id) => visible[id] === undefined);
  if (missing !== undefined || ids.length === 0) {
    throw new ConfigError(
      `--provider cuda: there is no GPU ${missing ?? 0}; the driver shows ${visible?.length ?? 0} (numbered from 0, as CUDA_VISIBLE_DEVICES leaves them)`,
      { pointer: '--gpus', value: missing ?? 0 },
    );
  }
  const count = workers ?? ids.length;
  return Array.from({ length: count }, (_, i) => {
    const deviceId = ids[i % ids.length]!;
    const gpu = visible?.[deviceId];
    const beside = Math.ceil((count - (i % ids.length)) / ids.length);
    return {
      deviceId,
      device: gpu === undefined ? `cuda ${deviceId}` : `cuda ${deviceId} (${gpu.name})`,
      freeBytes: gpu === undefined ? null : gpu.freeBytes / beside,
      env: {
        ...GPU_ORDER,
        // Products of shortened numbers are quicker and less exact: nobody asked for them.
        NVIDIA_TF32_OVERRIDE: env.NVIDIA_TF32_OVERRIDE ?? '0',
      },
    };
  });
}
