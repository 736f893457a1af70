import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { BATCH_PLAN_PARAMETER, BATCH_VARIABLES, JOB_COMMANDS, JOB_EXIT } from '../../src/job/contract.ts';
import { actionsOf, type Json, resource, resources, statementsOf, synthesise } from './support.ts';

const KINDS = ['Plan', 'Shard', 'Merge'] as const;

describe('job definitions', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesise();
  });
  const job = (kind: string) => {
    const [id, properties] = resource(template, 'AWS::Batch::JobDefinition', `Jobs${kind}`);
    return { id, properties, container: properties.ContainerProperties as Record<string, Json> };
  };

  it('are three, each with the command line that the code knows', () => {
    expect(resources(template, 'AWS::Batch::JobDefinition')).toHaveLength(3);
    const plan = `Ref::${BATCH_PLAN_PARAMETER}`;
    expect(job('Shard').container.Command).toEqual(JOB_COMMANDS.runShardOfArray(plan));
    expect(job('Merge').container.Command).toEqual(JOB_COMMANDS.merge(plan));
    expect(job('Plan').container.Command).toEqual(
      JOB_COMMANDS.planOnBatch({
        scenes: 'Ref::scenes',
        pipeline: 'Ref::pipeline',
        out: 'Ref::out',
        provider: 'cuda',
        threads: 4,
      }),
    );
  });

  it('have a default for each parameter that their command takes', () => {
    for (const kind of KINDS) {
      const { container, properties } = job(kind);
      const taken = (container.Command as string[]).flatMap((word) => word.match(/^Ref::(.+)$/)?.[1] ?? []);
      expect(Object.keys(properties.Parameters as object).sort()).toEqual(taken.sort());
    }
  });

  it('end after a time, however they hang', () => {
    const seconds = KINDS.map(
      (kind) => (job(kind).properties.Timeout as Record<string, Json>).AttemptDurationSeconds,
    );
    expect(seconds).toEqual([3600, 7200, 43_200]);
  });

  it.each(KINDS)('%s: what each end leads to', (kind) => {
    const strategy = job(kind).properties.RetryStrategy as unknown as RetryStrategy;
    expect(strategy.Attempts).toBe(10);
    expect(strategy.EvaluateOnExit.length).toBeLessThanOrEqual(5);
    const lost = 'Host EC2 (instance i-0123456789abcdef0) terminated.';
    expect(decide(strategy, { statusReason: lost })).toBe('RETRY');
    // The container had time to say "try again" itself.
    expect(decide(strategy, { statusReason: lost, exitCode: JOB_EXIT.permanent })).toBe('RETRY');
    const ended = { statusReason: 'Essential container in task exited' };
    expect(decide(strategy, { ...ended, exitCode: JOB_EXIT.tryAgain })).toBe('RETRY');
    expect(decide(strategy, { ...ended, exitCode: JOB_EXIT.permanent })).toBe('EXIT');
    expect(decide(strategy, { ...ended, exitCode: JOB_EXIT.usage })).toBe('EXIT');
    // Killed by the machine, a stop timeout or a driver that fell over: Batch tries again what no rule names.
    expect(decide(strategy, { ...ended, exitCode: 137 })).toBe('RETRY');
    expect(decide(strategy, { ...ended, exitCode: 139 })).toBe('RETRY');
    expect(
      decide(strategy, {
        ...ended,
        exitCode: 137,
        reason: 'OutOfMemoryError: Container killed due to memory usage',
      }),
    ).toBe('EXIT');
    expect(decide(strategy, { reason: 'CannotPullContainerError: i/o timeout' })).toBe('RETRY');
  });

  it('give shards a GPU and its image, the others neither', () => {
    const needs = (kind: string) =>
      Object.fromEntries(
        (job(kind).container.ResourceRequirements as { Type: string; Value: string }[]).map((r) => [
          r.Type,
          r.Value,
        ]),
      );
    expect(needs('Shard')).toEqual({ GPU: '1', VCPU: '4', MEMORY: '13312' });
    expect(needs('Merge')).toEqual({ VCPU: '4', MEMORY: '13312' });
    expect(needs('Plan')).toEqual({ VCPU: '1', MEMORY: '3072' });
    expect(JSON.stringify(job('Shard').container.Image)).toContain(':0.1.0-cuda');
    expect(JSON.stringify(job('Merge').container.Image)).toContain(':0.1.0-cpu');
    expect(JSON.stringify(job('Plan').container.Image)).toContain(':0.1.0-cpu');
  });

  it('are not privileged, and nobody gets a shell in them', () => {
    for (const kind of KINDS) {
      expect(job(kind).container).toMatchObject({ Privileged: false, EnableExecuteCommand: false });
    }
  });

  it('tell the plan job where to submit to, by every name that the code asks', () => {
    const given = Object.fromEntries(
      (job('Plan').container.Environment as { Name: string; Value: Json }[]).map((e) => [e.Name, e.Value]),
    );
    expect(Object.keys(given).sort()).toEqual(['AWS_REGION', ...Object.values(BATCH_VARIABLES)].sort());
    expect(given[BATCH_VARIABLES.shardDefinition]).toEqual({ Ref: job('Shard').id });
    expect(given[BATCH_VARIABLES.mergeDefinition]).toEqual({ Ref: job('Merge').id });
  });

  it('log to one group that forgets', () => {
    template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
    for (const kind of KINDS) {
      expect(job(kind).container.LogConfiguration).toMatchObject({
        LogDriver: 'awslogs',
        Options: { 'awslogs-stream-prefix': kind.toLowerCase() },
      });
    }
  });

  it('come from a registry whose tags never change and whose images are scanned', () => {
    template.hasResourceProperties('AWS::ECR::Repository', {
      ImageTagMutability: 'IMMUTABLE',
      ImageScanningConfiguration: { ScanOnPush: true },
      EmptyOnDelete: true,
    });
  });
});

describe('roles of jobs', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesise();
  });
  const READ = ['s3:GetObject', 's3:GetObjectVersion', 's3:ListBucket'];
  const WRITE = [
    's3:AbortMultipartUpload',
    's3:GetObject',
    's3:ListBucket',
    's3:ListBucketMultipartUploads',
    's3:ListMultipartUploadParts',
    's3:PutObject',
    's3:PutObjectTagging',
  ];

  it.each(['JobsShardRole', 'JobsMergeRole'])('%s reads scenes, writes maps, and that is all', (role) => {
    const statements = statementsOf(template, role);
    expect(statements.map(({ Sid }) => Sid)).toEqual(['ListScenes', 'ReadScenes', 'ListMaps', 'WriteMaps']);
    expect(actionsOf(statements)).toEqual([...READ, ...WRITE].sort());
  });

  it('the plan job also submits shards and merges: these definitions, these queues, tags of ours', () => {
    const statements = statementsOf(template, 'JobsPlanRole');
    const batch = ['DescribeJobs', 'ListJobs', 'SubmitJob', 'TagResource', 'TerminateJob'];
    expect(actionsOf(statements)).toEqual(
      [...READ, ...WRITE, ...batch.map((action) => `batch:${action}`)].sort(),
    );
    const [end] = statements.filter(({ Action }) => Action === 'batch:TerminateJob');
    expect(end!.Condition).toEqual({ StringLike: { 'aws:ResourceTag/frustum:plan': '*' } });
    expect(JSON.stringify(end!.Resource)).toContain(':job/*');
    const [submit] = statements.filter(({ Action }) => Action === 'batch:SubmitJob');
    const text = JSON.stringify(submit!.Resource);
    for (const name of ['JobsShard', 'JobsMerge', 'ComputeShards', 'ComputeSteps'])
      expect(text).toContain(name);
    expect(submit!.Resource).toHaveLength(4);
    expect(text).not.toContain('*');
    const [tag] = statements.filter(({ Action }) => Action === 'batch:TagResource');
    expect(tag!.Condition).toEqual({ 'ForAllValues:StringLike': { 'aws:TagKeys': ['frustum:*'] } });
  });

  it.each(['JobsPlanRole', 'JobsShardRole', 'JobsMergeRole'])('%s stays under the two prefixes', (role) => {
    for (const { Sid, Resource, Condition } of statementsOf(template, role)) {
      if (Sid === 'ReadScenes') expect(JSON.stringify(Resource)).toMatch(/StorageInput.*"\/scenes\/\*"/);
      if (Sid === 'WriteMaps') expect(JSON.stringify(Resource)).toMatch(/StorageOutput.*"\/maps\/\*"/);
      if (Sid === 'ListScenes') expect(Condition).toEqual({ StringLike: { 's3:prefix': 'scenes/*' } });
      if (Sid === 'ListMaps') expect(Condition).toEqual({ StringLike: { 's3:prefix': 'maps/*' } });
    }
  });

  it('decrypt scenes if their bucket has a key of its own, with that key', () => {
    const inputKeyArn = 'arn:aws:kms:eu-central-1:111122223333:key/0aa0';
    const statements = statementsOf(synthesise({ inputBucket: 'my-scenes', inputKeyArn }), 'JobsShardRole');
    expect(statements.filter(({ Action }) => Action === 'kms:Decrypt').map((s) => s.Resource)).toEqual([
      inputKeyArn,
    ]);
  });

  it('are taken on by tasks of this account only, and nothing in the stack may do everything', () => {
    for (const [id, role] of resources(template, 'AWS::IAM::Role')) {
      const document = role.AssumeRolePolicyDocument as unknown as { Statement: { Condition?: Json }[] };
      if (id.startsWith('Jobs')) {
        expect(document.Statement[0]!.Condition).toEqual({
          StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
        });
      }
    }
    const everything = resources(template, 'AWS::IAM::Policy').flatMap(([id]) =>
      statementsOf(template, id.replace(/DefaultPolicy[0-9A-F]{8}$/, '')).filter(
        (s) => s.Resource === '*' && s.Action !== 'ecr:GetAuthorizationToken' && s.Sid !== 'LookAtJobs',
      ),
    );
    expect(everything).toEqual([]);
    expect(
      actionsOf(
        resources(template, 'AWS::IAM::Policy').flatMap(([id]) =>
          statementsOf(template, id.replace(/DefaultPolicy[0-9A-F]{8}$/, '')),
        ),
      ).filter((action) => action.includes('*')),
    ).toEqual([]);
  });
});

interface RetryStrategy {
  readonly Attempts: number;
  readonly EvaluateOnExit: readonly {
    readonly Action: string;
    readonly OnExitCode?: string;
    readonly OnReason?: string;
    readonly OnStatusReason?: string;
  }[];
}

/** What AWS Batch does after an attempt, as its API reference of `EvaluateOnExit` says: first rule that fits in full, else again. */
function decide(
  strategy: RetryStrategy,
  end: { statusReason?: string; reason?: string; exitCode?: number },
): string {
  const fits = (pattern: string | undefined, value: string | undefined) => {
    if (pattern === undefined) return true;
    if (value === undefined) return false;
    return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
  };
  const rule = strategy.EvaluateOnExit.find(
    (r) =>
      fits(r.OnStatusReason, end.statusReason) &&
      fits(r.OnReason, end.reason) &&
      fits(r.OnExitCode, end.exitCode?.toString()),
  );
  return rule?.Action.toUpperCase() ?? 'RETRY';
}
