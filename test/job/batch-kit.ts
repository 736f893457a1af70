import type { EvaluateOnExit } from '@aws-sdk/client-batch';
import { vi } from 'vitest';
import { BATCH_VARIABLES, JOB_COMMANDS, JOB_EXIT } from '../../src/job/contract.ts';
import { type BatchServer, type BatchServerOptions, startBatchServer } from '../support/batch-server.ts';

const arn = (name: string) => `arn:aws:batch:eu-central-1:111122223333:${name}`;

/** What the engine finds in its environment. */
export const VARIABLES = {
  [BATCH_VARIABLES.shardQueue]: arn('job-queue/Shards'),
  [BATCH_VARIABLES.shardDefinition]: arn('job-definition/Frustum-shard:3'),
  [BATCH_VARIABLES.mergeQueue]: arn('job-queue/Steps'),
  [BATCH_VARIABLES.mergeDefinition]: arn('job-definition/Frustum-merge:3'),
  [BATCH_VARIABLES.logGroup]: '/frustum/jobs',
};

/** As the stack's job definitions have them. */
const RULES: readonly EvaluateOnExit[] = [
  { action: 'RETRY', onStatusReason: 'Host EC2*' },
  { action: 'EXIT', onReason: 'OutOfMemoryError*' },
  { action: 'RETRY', onExitCode: String(JOB_EXIT.tryAgain) },
  { action: 'EXIT', onExitCode: String(JOB_EXIT.permanent) },
  { action: 'EXIT', onExitCode: String(JOB_EXIT.usage) },
];

/** Where a plan job is submitted to, as people and the nightly schedule do it. */
export const PLAN_JOB = {
  jobQueue: VARIABLES[BATCH_VARIABLES.mergeQueue]!,
  jobDefinition: arn('job-definition/Frustum-plan:3'),
};

const definition = (command: readonly string[]) => ({
  command,
  parameters: { plan: '' },
  attempts: 10,
  evaluateOnExit: RULES,
});

/** Starts AWS Batch as the stack in `infra/` sets it up, and points this process, and those it starts, to it. */
export async function startBatch(more: Partial<BatchServerOptions> = {}): Promise<BatchServer> {
  const server = await startBatchServer({
    queues: [VARIABLES[BATCH_VARIABLES.shardQueue]!, VARIABLES[BATCH_VARIABLES.mergeQueue]!],
    definitions: {
      [VARIABLES[BATCH_VARIABLES.shardDefinition]!]: definition(JOB_COMMANDS.runShardOfArray('Ref::plan')),
      [VARIABLES[BATCH_VARIABLES.mergeDefinition]!]: definition(JOB_COMMANDS.merge('Ref::plan')),
      [PLAN_JOB.jobDefinition]: definition(
        JOB_COMMANDS.planOnBatch({
          ...{ scenes: 'Ref::scenes', pipeline: 'Ref::pipeline', out: 'Ref::out' },
          ...{ provider: 'cpu', threads: 1 },
        }),
      ),
    },
    slots: 2,
    ...more,
  });
  const environment = {
    ...VARIABLES,
    AWS_ENDPOINT_URL_BATCH: server.url,
    AWS_ACCESS_KEY_ID: 'someone',
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  return server;
}

/** Bodies of calls to a path that were answered well. */
export function bodiesOf(server: BatchServer, path: string): readonly Record<string, unknown>[] {
  return server.calls.filter((call) => call.path === path && call.status === 200).map(({ body }) => body);
}
