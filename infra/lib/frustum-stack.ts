import { CfnOutput, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { BATCH_VARIABLES } from '../../src/job/contract.ts';
import { Compute } from './compute.ts';
import { Jobs } from './jobs.ts';
import { Network } from './network.ts';
import { Nightly } from './nightly.ts';
import { Rescue } from './rescue.ts';
import type { Settings } from './settings.ts';
import { Storage } from './storage.ts';
import { Watch } from './watch.ts';

/** Frustum in one AWS account and region. */
export class FrustumStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings, props: StackProps = {}) {
    super(scope, id, { description: 'Frustum: satellite scenes to land-cover maps on AWS Batch', ...props });
    const storage = new Storage(this, 'Storage', settings);
    const { input, output, records } = storage;
    const network = new Network(this, 'Network', { ...settings, data: [input, output], records });
    const compute = new Compute(this, 'Compute', settings, network);
    const jobs = new Jobs(this, 'Jobs', settings, storage, compute);
    new Rescue(this, 'Rescue', compute, jobs);
    const { nightly } = settings;
    const night =
      nightly === undefined ? null : new Nightly(this, 'Nightly', { ...settings, nightly }, compute, jobs);
    const watch = new Watch(this, 'Watch', settings, compute, jobs, night?.groupName ?? null);
    Tags.of(this).add('application', 'frustum');

    const outputs: Record<string, string> = {
      InputUrl: input.s3UrlForObject(settings.inputPrefix),
      OutputUrl: output.s3UrlForObject(settings.outputPrefix),
      RecordsBucket: records.bucketName,
      ImageRepository: jobs.images.repositoryUri,
      PlanQueue: compute.steps.jobQueueArn,
      PlanDefinition: jobs.plan.jobDefinitionArn,
      ShardQueue: compute.shards.jobQueueArn,
      ShardDefinition: jobs.shard.jobDefinitionArn,
      MergeDefinition: jobs.merge.jobDefinitionArn,
      LogGroup: jobs.log.logGroupName,
      Topic: watch.topic.topicArn,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
    new CfnOutput(this, 'EngineSettings', {
      description: 'For frustum --engine aws-batch outside of AWS: export these',
      value: [
        [BATCH_VARIABLES.shardQueue, compute.shards.jobQueueArn],
        [BATCH_VARIABLES.shardDefinition, jobs.shard.jobDefinitionArn],
        [BATCH_VARIABLES.mergeQueue, compute.steps.jobQueueArn],
        [BATCH_VARIABLES.mergeDefinition, jobs.merge.jobDefinitionArn],
        [BATCH_VARIABLES.logGroup, jobs.log.logGroupName],
      ]
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
    });
  }
}
