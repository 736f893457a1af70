import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import PQueue from 'p-queue';
import { AbortedError, EXIT } from '../core/errors.ts';
import { lastWords } from '../core/last-words.ts';
import { ALLOCATOR, NODE_FLAGS } from '../core/node-settings.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { JOB_COMMANDS } from './contract.ts';
import { type JobStatus, openShards, readJobStatus } from './job-status.ts';
import { type MergedScene, type MergeHooks, mergeJob } from './merge-job.ts';
import type { JobPlan } from './plan-schema.ts';

export interface RunLocalOptions {
  readonly plan: JobPlan;
  /** Where the plan file is: workers read it themselves. */
  readonly planUrl: string;
  /** Shards under way at once; each has the plan's number of threads. */
  readonly workers: number;
  /** Attempts at a shard whose worker was killed, or that says that it may work later; 3 unless told. */
  readonly attempts?: number;
  /** Also merges scenes of which shards failed; their results are marked partial. */
  readonly partial?: boolean;
  /** What is added to the workers' command line, e.g. how stores are reached. */
  readonly workerFlags?: readonly string[];
  readonly source?: SourceOptions;
}

export interface RunLocalHooks extends MergeHooks {
  /** After each shard: how many of how many have ended, well or not. */
  readonly onShard?: (ended: number, total: number) => void;
}

/** A shard that did not come to its end. */
export interface FailedShard {
  readonly index: number;
  readonly scene: string;
  readonly exitCode: number | null;
  readonly message: string;
}

export interface RunLocalReport {
  /** `partial` where scenes were refused, or shards failed: the others are done all the same. */
  readonly outcome: 'done' | 'partial';
  readonly scenes: readonly MergedScene[];
  readonly failed: readonly FailedShard[];
  readonly refused: JobPlan['refused'];
}

/**
 * Does what is open of a plan on this machine: shards in processes of their own, several at once, then the merge. A shard
 * that fails for good keeps its own scene from being merged, and no other.
 * @throws AbortedError once the signal fires, when all workers have ended; what `mergeJob` throws
 */
export async function runLocal(options: RunLocalOptions, hooks: RunLocalHooks = {}): Promise<RunLocalReport> {
  const { plan, source, workers, attempts = 3 } = options;
  const { signal } = hooks;
  const status = await readJobStatus(plan, source, signal);
  const open = openShards(status);
  const failed: FailedShard[] = [];
  const queue = new PQueue({ concurrency: workers });
  let ended = 0;
  const runOne = async (index: number) => {
    let last: WorkerEnd = { code: null, message: '' };
    for (let made = 0; made < attempts && !signal?.aborted; made++) {
      last = await runWorker(options, index, signal);
      if (last.code === EXIT.done) break;
      // Killed, or asked for another attempt; everything else would end the same way again.
      if (last.code !== null && last.code !== EXIT.tryAgain) break;
    }
    if (last.code !== EXIT.done && !signal?.aborted) {
      failed.push({ index, scene: sceneOf(status, index), exitCode: last.code, message: last.message });
    }
    hooks.onShard?.(++ended, open.length);
  };
  await Promise.all(open.map((index) => queue.add(() => runOne(index))));
  if (signal?.aborted) throw new AbortedError('the run was stopped; what is finished is kept');
  const scenes = await mergeJob(
    {
      plan,
      ...(options.partial !== undefined && { partial: options.partial }),
      ...(source && { source }),
    },
    hooks,
  );
  const whole = plan.refused.length === 0 && scenes.every(({ outcome }) => outcome === 'done');
  return {
    outcome: whole ? 'done' : 'partial',
    scenes,
    failed: failed.sort((a, b) => a.index - b.index),
    refused: plan.refused,
  };
}

function sceneOf(status: JobStatus, index: number): string {
  const found = status.scenes.find(({ shards }) => shards.some((shard) => shard.index === index));
  return found?.id ?? '';
}

interface WorkerEnd {
  /** `null` if a signal ended it. */
  readonly code: number | null;
  readonly message: string;
}

const COMMAND = fileURLToPath(new URL('../../bin/frustum.js', import.meta.url));
/** Characters of a worker's standard error that are kept: its last words say why it failed. */
const KEPT = 16_384;

function runWorker(
  { planUrl, workerFlags = [] }: RunLocalOptions,
  index: number,
  signal: AbortSignal | undefined,
): Promise<WorkerEnd> {
  const args = [...JOB_COMMANDS.runShard(planUrl), '--index', String(index), ...workerFlags];
  return new Promise((resolve) => {
    const child: ChildProcess = spawn(process.execPath, [...NODE_FLAGS, COMMAND, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...ALLOCATOR, ...process.env },
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-KEPT);
    });
    const stop = () => void child.kill('SIGTERM');
    signal?.addEventListener('abort', stop, { once: true });
    const end = (code: number | null, message: string) => {
      signal?.removeEventListener('abort', stop);
      resolve({ code, message });
    };
    child.once('error', (error) => end(EXIT.permanent, `the worker could not be started: ${error.message}`));
    child.once('close', (code, killedBy) =>
      end(code, killedBy === null ? lastMessage(stderr) : `the worker was ended by ${killedBy}`),
    );
  });
}

function lastMessage(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1) ?? '';
  try {
    return String((JSON.parse(line) as { message?: unknown }).message ?? line);
  } catch {
    return lastWords(stderr);
  }
}
