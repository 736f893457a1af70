import { ConfigError, isFrustumError } from '../core/errors.ts';
import { type ChildLink, startChild } from './child-link.ts';
import { checkDeviceMemory, chooseBatch } from './choose-batch.ts';
import { listGpus } from './list-gpus.ts';
import type { ModelManifest } from './manifest.ts';
import { planWorkers, type WorkerOptions, type WorkerPlan } from './plan-workers.ts';
import type { InferAnswer, OpenAnswer, WindowRequest } from './protocol.ts';
import { readModelManifest } from './read-manifest.ts';
import { createWorkerQueue, type WorkerUsage } from './worker-queue.ts';

export interface ModelOptions extends WorkerOptions {
  /** Threads inside one operator, for each worker. */
  readonly threads: number;
  /**
   * Windows that go through the network at once, always as many: their number decides how sums are rounded. 1 on
   * processors, and what the memory of the GPUs holds with CUDA, unless told.
   */
  readonly batch?: number;
  /** Aborting rejects all open work with AbortedError and ends the children. */
  readonly signal?: AbortSignal;
}

/** A model that runs in child processes of its own, its workers. Close it. */
export interface Model {
  readonly manifest: ModelManifest;
  readonly versions: OpenAnswer['versions'];
  /** Process ids of the workers. */
  readonly pids: readonly number[];
  /** Windows that go through the network at once. */
  readonly batch: number;
  /** What a user should know of how it runs. */
  readonly warnings: readonly string[];
  /**
   * Scores of one frustum. A worker answers its requests in order; `null` for a context window means that its features are
   * in their place (`slots`) in that worker from an earlier request.
   * @throws WorkerError if a worker died, which ends all of them; AbortedError after an abort; ModelError from the network
   *   itself
   */
  infer(request: ModelRequest): Promise<InferAnswer>;
  /** Windows that each worker has not answered yet. */
  waiting(): readonly number[];
  /** What each worker did so far. */
  usage(): readonly DeviceUsage[];
  close(): Promise<void>;
}

export interface ModelRequest extends WindowRequest {
  /** Which worker is to do it, from 0; the first unless told. */
  readonly worker?: number;
}

/** What a worker did, and on what. */
export interface DeviceUsage extends WorkerUsage {
  readonly device: string;
  readonly warmUpMs: number;
}

/**
 * Opens a model folder in forked children.
 * @throws SourceError, FormatError, ModelError, UnsupportedError, WorkerError, ConfigError
 */
export async function openModel(dir: string, options: ModelOptions): Promise<Model> {
  const { provider, batch: asked } = options;
  if (asked !== undefined && !(Number.isInteger(asked) && asked >= 1)) {
    throw new ConfigError(`--batch ${asked}: must be a whole number of windows, at least 1`, {
      pointer: '--batch',
      value: asked,
    });
  }
  const manifest = await readModelManifest(dir, true);
  const plan = planWorkers(options, provider === 'cuda' ? await listGpus() : null);
  options.signal?.throwIfAborted();
  const free = plan.map(({ freeBytes }) => freeBytes);
  const least = free.includes(null) ? null : Math.min(...(free as number[]));
  if (asked !== undefined) checkDeviceMemory(manifest, asked, least);
  const batch = asked ?? (provider === 'cuda' ? chooseBatch(manifest, least) : 1);
  try {
    return await openWorkers(dir, options, manifest, plan, batch, []);
  } catch (error) {
    // What was chosen here must not fail where one window at a time works.
    const refused =
      isFrustumError(error) && error.tag === 'UnsupportedError' && error.feature === `batches of ${batch}`;
    if (asked !== undefined || !refused) throw error;
    return openWorkers(dir, options, manifest, plan, 1, [
      `${manifest.name}: its graphs take one window at a time, which keeps a GPU waiting; convert the checkpoint again for batches`,
    ]);
  }
}

async function openWorkers(
  dir: string,
  { provider, threads, signal }: ModelOptions,
  manifest: ModelManifest,
  plan: readonly WorkerPlan[],
  batch: number,
  warnings: readonly string[],
): Promise<Model> {
  const links: ChildLink[] = [];
  const closeAll = async (reason?: Error) => {
    await Promise.all(links.map((link) => link.close(reason)));
  };
  for (const { env } of plan) {
    // The others' work is of no use without the dead one's, and must not be waited for.
    links.push(startChild({ signal, env, onDeath: (error) => void closeAll(error) }));
  }
  try {
    const opened = await Promise.all(
      plan.map(({ deviceId }, i) =>
        links[i]!.ask({
          kind: 'open',
          dir,
          provider,
          deviceId,
          threads,
          batch,
          warmUp: provider !== 'cpu',
        }),
      ),
    );
    const queues = links.map((link) => createWorkerQueue(link, batch));
    return {
      manifest,
      versions: opened[0]!.versions,
      pids: links.map(({ pid }) => pid),
      batch,
      warnings,
      infer: ({ worker = 0, ...window }) => queues[worker]!.push(window),
      waiting: () => queues.map(({ waiting }) => waiting),
      usage: () =>
        queues.map(({ usage }, i) => ({
          device: plan[i]!.device,
          warmUpMs: opened[i]!.warmUpMs,
          ...usage,
        })),
      close: () => closeAll(),
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
