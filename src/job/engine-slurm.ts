import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, SourceError, UnsupportedError } from '../core/errors.ts';
import { NODE_FLAGS } from '../core/node-settings.ts';
import { writeError } from '../io/atomic-file.ts';
import { localPathOf } from '../io/urls.ts';
import { JOB_COMMANDS, STOP_SECONDS } from './contract.ts';
import { sbatchArguments } from './engine-slurm-arguments.ts';
import { arrayLimitsOf, rangesOf, type ShardArray, splitArrays } from './engine-slurm-arrays.ts';
import { runSlurmCommand } from './engine-slurm-command.ts';
import { writeSlurmScript } from './engine-slurm-script.ts';
import type { JobPlan } from './plan-schema.ts';
import type { Submission, SubmitOptions, SubmittedJob } from './submission.ts';

export interface SubmitToSlurmOptions extends SubmitOptions {
  /** Shards under way at once; as many as the cluster lets unless told. */
  readonly limit?: number;
  /** Attempts at a shard that says that it may work later, restarts by Slurm among them; 10 unless told. */
  readonly attempts?: number;
  /** Options of `sbatch` for all jobs, such as `--partition=gpu --account=x`; they outrank what the plan says (memory, processors). */
  readonly sbatch?: readonly string[];
  /** Further ones for the merge, which needs no GPU. */
  readonly mergeSbatch?: readonly string[];
  /** Folder that all nodes write to, for `logs/`; the outputs' if they go to a disk, else the working folder. */
  readonly logsIn?: string;
  /** How nodes start `frustum`; this Node and this installation unless told, which they must see at the same paths. */
  readonly command?: readonly string[];
  /** Milliseconds that a command of Slurm may take; 150 seconds unless told. */
  readonly timeoutMs?: number;
}

/** `sbatch` itself tries again for two minutes where the controller is busy. */
const TIMEOUT_MS = 150_000;
const FRUSTUM = fileURLToPath(new URL('../../bin/frustum.js', import.meta.url));

/**
 * Hands shards of a plan to Slurm: job arrays, as many as the cluster's `MaxArraySize` asks for, then a merge that waits
 * until all of them have ended, well or not. If a part can't be handed over, what was before it is cancelled.
 * @throws ConfigError if Slurm isn't there, refuses, or an option is wrong; UnsupportedError if the cluster has no arrays;
 * SourceError if Slurm doesn't answer, or the folder of logs can't be made; AbortedError
 */
export async function submitToSlurm(options: SubmitToSlurmOptions): Promise<Submission> {
  const { plan, shards, limit, signal, timeoutMs = TIMEOUT_MS } = options;
  const sbatch = sbatchArguments(options.sbatch ?? [], '--sbatch');
  const mergeSbatch = sbatchArguments(options.mergeSbatch ?? [], '--merge-sbatch');
  const calls = { timeoutMs, ...(signal && { signal }) };
  const config = await runSlurmCommand('scontrol', ['show', 'config'], {
    what: "the cluster's configuration",
    ...calls,
  });
  const limits = arrayLimitsOf(config);
  if (limits.tasks < 1) {
    throw new UnsupportedError('this cluster has no job arrays (MaxArraySize is 0), which shards need', {
      feature: 'Slurm without job arrays',
      hint: 'have MaxArraySize raised, or do the plan with --engine local',
    });
  }
  const logs = await makeLogs(options);
  // By a name of its own all of a submission can be cancelled, also what sbatch was killed over.
  const name = `frustum-${plan.id}-${randomBytes(4).toString('hex')}`;
  const jobs: SubmittedJob[] = [];
  const keep = async (job: SubmittedJob) => {
    jobs.push(job);
    await options.onJob?.(job);
  };
  const submit = async (args: readonly string[], script: string, what: string): Promise<string> => {
    const output = await runSlurmCommand('sbatch', ['--parsable', `--job-name=${name}`, ...COMMON, ...args], {
      what,
      input: script,
      ...calls,
    });
    const id = /^(\d+)(?:;.*)?$/m.exec(output)?.[1];
    if (id !== undefined) return id;
    throw new SourceError(`${what}: sbatch answered ${JSON.stringify(output)}; expected a job's number`, {
      url: 'slurm:sbatch',
    });
  };
  try {
    for (const array of splitArrays(shards, limits)) {
      const before = jobs.at(-1);
      const id = await submit(
        [
          `--array=${rangesOf(array)}${limit === undefined ? '' : `%${limit}`}`,
          // A limit holds for one array, so with one they follow each other.
          ...(limit !== undefined && before ? waitFor([before]) : []),
          `--output=${logs.pattern}/%A_%a.log`,
          ...resourcesOf(plan),
          ...(plan.settings.provider === 'cpu' ? [] : ['--gres=gpu:1']),
          ...sbatch,
        ],
        shardScript(options, array),
        `the array of ${sayShards(array)}`,
      );
      await keep({ part: 'shards', id, shards: array.shards, logs: join(logs.folder, `${id}_*.log`) });
    }
    const id = await submit(
      [...waitFor(jobs), `--output=${logs.pattern}/%j.log`, ...resourcesOf(plan), ...sbatch, ...mergeSbatch],
      mergeScript(options),
      'the merge',
    );
    await keep({ part: 'merge', id, shards: [], logs: join(logs.folder, `${id}.log`) });
  } catch (error) {
    // After a refusal that was the first answer there is nothing to take back.
    const refused = error instanceof ConfigError;
    if (jobs.length > 0 || !refused) await cancel(name, timeoutMs, error);
    throw error;
  }
  return { engine: 'slurm', plan: plan.id, jobs };
}

/** SIGTERM comes so long before a time limit, or earlier: what is finished is kept, and the next attempt goes on. */
const COMMON = [
  ...['--nodes=1', '--ntasks=1', '--requeue', '--open-mode=append'],
  `--signal=B:TERM@${STOP_SECONDS + 10}`,
];

function resourcesOf({ settings, estimate }: JobPlan): readonly string[] {
  return [
    `--cpus-per-task=${settings.threads * (settings.workers ?? 1)}`,
    `--mem=${Math.ceil(estimate.memoryBytes / 2 ** 20)}M`,
  ];
}

function waitFor(jobs: readonly SubmittedJob[]): readonly string[] {
  // Where only the merge is left to do, it waits for nothing.
  if (jobs.length === 0) return [];
  return [`--dependency=afterany:${jobs.map(({ id }) => id).join(':')}`, '--kill-on-invalid-dep=yes'];
}

function shardScript(options: SubmitToSlurmOptions, array: ShardArray): string {
  const { plan, planUrl, workerFlags = [] } = options;
  return writeSlurmScript({
    title: `Frustum plan ${plan.id}: ${sayShards(array)}`,
    offset: array.offset,
    command: [...startOf(options), ...JOB_COMMANDS.runShard(asNodesSee(planUrl)), ...workerFlags],
    attempts: options.attempts ?? 10,
  });
}

function mergeScript(options: SubmitToSlurmOptions): string {
  const { plan, planUrl, partial, workerFlags = [] } = options;
  return writeSlurmScript({
    title: `Frustum plan ${plan.id}: merge`,
    offset: null,
    command: [
      ...[...startOf(options), ...JOB_COMMANDS.merge(asNodesSee(planUrl))],
      ...[...(partial ? ['--partial'] : []), ...workerFlags],
    ],
    attempts: options.attempts ?? 10,
  });
}

function startOf({ command }: SubmitToSlurmOptions): readonly string[] {
  return command ?? [process.execPath, ...NODE_FLAGS, FRUSTUM];
}

function asNodesSee(planUrl: string): string {
  const path = localPathOf(planUrl);
  return path === null ? planUrl : resolve(path);
}

function sayShards({ shards }: ShardArray): string {
  const [first, last] = [shards[0]!, shards.at(-1)!];
  const gaps = last - first + 1 > shards.length ? `, ${shards.length} of them` : '';
  return first === last ? `shard ${first}` : `shards ${first} to ${last}${gaps}`;
}

interface LogsFolder {
  readonly folder: string;
  /** As `sbatch --output` takes it. */
  readonly pattern: string;
}

/** Makes the folder of logs: Slurm makes none, and jobs without one fail unheard. */
async function makeLogs({ plan, logsIn }: SubmitToSlurmOptions): Promise<LogsFolder> {
  const folder = resolve(logsIn ?? localPathOf(plan.to) ?? '.', 'logs');
  if (folder.includes('\\')) {
    throw new ConfigError(`${folder}: Slurm takes no backslash in the names of logs; choose another folder`, {
      pointer: '--logs',
      value: folder,
    });
  }
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
  return { folder, pattern: folder.replaceAll('%', '%%') };
}

/** Takes back what was handed over under a name. */
async function cancel(name: string, timeoutMs: number, reason: unknown): Promise<void> {
  try {
    await runSlurmCommand('scancel', [`--name=${name}`], { what: `cancelling ${name}`, timeoutMs });
  } catch (failure) {
    throw new SourceError(
      `${(reason as Error).message}; and what was handed over before could not be cancelled (${(failure as Error).message}): see squeue --name=${name}, and end it with scancel --name=${name}`,
      { url: 'slurm:scancel', retryable: false, cause: reason },
    );
  }
}
