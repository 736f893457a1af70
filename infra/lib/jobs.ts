import { Aws, Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import * as batch from 'aws-cdk-lib/aws-batch';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import {
  BATCH_PLAN_PARAMETER,
  BATCH_VARIABLES,
  JOB_COMMANDS,
  JOB_EXIT,
  JOB_TAG_PREFIX,
} from '../../src/job/contract.ts';
import { createJobRole } from './access.ts';
import { acknowledge, wildcard } from './acknowledge.ts';
import type { Compute } from './compute.ts';
import type { Settings } from './settings.ts';
import type { Storage } from './storage.ts';

/** The three kinds of jobs, their image and their log. */
export class Jobs extends Construct {
  readonly images: ecr.Repository;
  readonly log: logs.LogGroup;
  readonly plan: batch.EcsJobDefinition;
  readonly shard: batch.EcsJobDefinition;
  readonly merge: batch.EcsJobDefinition;
  /** Names of job definitions, without revision. */
  readonly shardName: string;
  readonly mergeName: string;

  constructor(scope: Construct, id: string, settings: Settings, storage: Storage, compute: Compute) {
    super(scope, id);
    this.images = new ecr.Repository(this, 'Images', {
      // A tag means one image for ever: a rerun of a plan runs the code that it was planned with.
      imageTagMutability: ecr.TagMutability.IMMUTABLE,
      imageScanOnPush: true,
      encryption: ecr.RepositoryEncryption.AES_256,
      emptyOnDelete: true,
      removalPolicy: RemovalPolicy.DESTROY,
      lifecycleRules: [
        { rulePriority: 1, tagStatus: ecr.TagStatus.UNTAGGED, maxImageAge: Duration.days(7) },
        { rulePriority: 2, tagStatus: ecr.TagStatus.ANY, maxImageCount: 20 },
      ],
    });
    this.log = new logs.LogGroup(this, 'Log', {
      retention: settings.logDays as logs.RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const executionRole = this.createExecutionRole();
    const nameOf = (kind: string) => `${settings.name}-${kind.toLowerCase()}`;
    this.shardName = nameOf('Shard');
    this.mergeName = nameOf('Merge');
    const define = (kind: string, job: JobKind) =>
      new batch.EcsJobDefinition(this, kind, {
        jobDefinitionName: nameOf(kind),
        timeout: Duration.minutes(job.minutes),
        retryAttempts: settings.attempts,
        retryStrategies: RETRY_RULES,
        parameters: job.parameters,
        propagateTags: true,
        container: new batch.EcsEc2ContainerDefinition(this, `${kind}Container`, {
          image: ecs.ContainerImage.fromEcrRepository(this.images, `${settings.imageTag}-${job.variant}`),
          command: job.command,
          cpu: job.vcpus,
          memory: Size.mebibytes(job.memoryMiB),
          ...(job.variant === 'cuda' && { gpu: 1 }),
          environment: {
            // Not from the machine's metadata, which containers need not reach.
            AWS_REGION: Aws.REGION,
            ...job.environment,
          },
          executionRole,
          jobRole: createJobRole(this, `${kind}Role`, settings, storage),
          logging: ecs.LogDriver.awsLogs({ logGroup: this.log, streamPrefix: kind.toLowerCase() }),
          privileged: false,
          enableExecuteCommand: false,
        }),
      });

    const byPlan = { parameters: { [BATCH_PLAN_PARAMETER]: '' }, environment: {} };
    this.shard = define('Shard', {
      ...byPlan,
      variant: 'cuda',
      command: JOB_COMMANDS.runShardOfArray(`Ref::${BATCH_PLAN_PARAMETER}`),
      vcpus: settings.shardVcpus,
      memoryMiB: settings.shardMemoryMiB,
      minutes: settings.shardMinutes,
    });
    this.merge = define('Merge', {
      ...byPlan,
      variant: 'cpu',
      command: JOB_COMMANDS.merge(`Ref::${BATCH_PLAN_PARAMETER}`),
      vcpus: settings.mergeVcpus,
      memoryMiB: settings.mergeMemoryMiB,
      minutes: settings.mergeMinutes,
    });
    this.plan = define('Plan', {
      variant: 'cpu',
      command: JOB_COMMANDS.planOnBatch({
        scenes: 'Ref::scenes',
        pipeline: 'Ref::pipeline',
        out: 'Ref::out',
        provider: 'cuda',
        threads: settings.shardVcpus,
      }),
      parameters: {
        scenes: storage.input.s3UrlForObject(settings.inputPrefix),
        // Which model fits is nothing to guess: without the setting, each submission says it.
        pipeline: settings.pipeline ?? '',
        out: storage.output.s3UrlForObject(settings.outputPrefix),
      },
      environment: {
        [BATCH_VARIABLES.shardQueue]: compute.shards.jobQueueArn,
        [BATCH_VARIABLES.shardDefinition]: this.shard.jobDefinitionArn,
        [BATCH_VARIABLES.mergeQueue]: compute.steps.jobQueueArn,
        [BATCH_VARIABLES.mergeDefinition]: this.merge.jobDefinitionArn,
        [BATCH_VARIABLES.logGroup]: this.log.logGroupName,
      },
      vcpus: 1,
      memoryMiB: 3072,
      minutes: 60,
    });
    this.allowSubmission(compute);
  }

  /** What the ECS agent does for a job before it starts: pull this image, open its log stream. */
  private createExecutionRole(): iam.Role {
    const role = new iam.Role(this, 'ExecutionRole', {
      assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
      description: 'Frustum: pulls the image and opens the log of jobs',
    });
    acknowledge(role, {
      [wildcard(role, '*')]: 'ecr:GetAuthorizationToken, the only action on it, knows no resources.',
    });
    return role;
  }

  /**
   * The plan job submits shards and merges, of these definitions, to these queues; looks whether jobs of the same plan are
   * under way; and takes back what it submitted if the rest can't be.
   */
  private allowSubmission(compute: Compute): void {
    const role = this.plan.container.jobRole as iam.Role;
    const jobs = `arn:${Aws.PARTITION}:batch:${Aws.REGION}:${Aws.ACCOUNT_ID}:job/*`;
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'SubmitShardsAndMerge',
        actions: ['batch:SubmitJob'],
        resources: [
          this.shard.jobDefinitionArn,
          this.merge.jobDefinitionArn,
          compute.shards.jobQueueArn,
          compute.steps.jobQueueArn,
        ],
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'TagSubmittedJobs',
        actions: ['batch:TagResource'],
        resources: [jobs, this.shard.jobDefinitionArn, this.merge.jobDefinitionArn],
        conditions: { 'ForAllValues:StringLike': { 'aws:TagKeys': [`${JOB_TAG_PREFIX}*`] } },
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'LookAtJobs',
        // They know no resources.
        actions: ['batch:DescribeJobs', 'batch:ListJobs'],
        resources: ['*'],
      }),
    );
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'TakeBackOwnJobs',
        actions: ['batch:TerminateJob'],
        resources: [jobs],
        conditions: { StringLike: { [`aws:ResourceTag/${JOB_TAG_PREFIX}plan`]: '*' } },
      }),
    );
    acknowledge(role, {
      [wildcard(role, jobs)]:
        'A job has no name before it is submitted; only tags of our own prefix can be set, and only jobs that carry one ended.',
      [wildcard(role, '*')]:
        'batch:DescribeJobs and batch:ListJobs, the only actions on it, know no resources.',
    });
  }
}

interface JobKind {
  /** Image: tags end in it. */
  readonly variant: 'cpu' | 'cuda';
  readonly command: string[];
  readonly parameters: Record<string, string>;
  readonly environment: Record<string, string>;
  readonly vcpus: number;
  readonly memoryMiB: number;
  /** Per attempt. */
  readonly minutes: number;
}

/**
 * At most five, the first that fits counts, and Batch retries what fits none: machines that fail, images that can't be
 * pulled for a while. Out of memory is no accident: a job is given what it promised to keep to.
 */
const RETRY_RULES: batch.RetryStrategy[] = [
  batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.SPOT_INSTANCE_RECLAIMED),
  batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.custom({ onReason: 'OutOfMemoryError*' })),
  ...(
    [
      [batch.Action.RETRY, JOB_EXIT.tryAgain],
      [batch.Action.EXIT, JOB_EXIT.permanent],
      [batch.Action.EXIT, JOB_EXIT.usage],
    ] as const
  ).map(([action, code]) =>
    batch.RetryStrategy.of(action, batch.Reason.custom({ onExitCode: String(code) })),
  ),
];
