import { Aws } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { BATCH_PLAN_PARAMETER } from '../../src/job/contract.ts';
import type { Compute } from './compute.ts';
import type { Jobs } from './jobs.ts';

/**
 * Merges what is complete where shards died without a word: out of memory, out of attempts, out of time. Batch fails the merge
 * that waits for such an array unseen, and one scene would keep all others from their end. Shards that fail with a word leave
 * it in the store and end well, so that the waiting merge runs.
 */
export class Rescue extends Construct {
  constructor(scope: Construct, id: string, compute: Compute, jobs: Jobs) {
    super(scope, id);
    const shard = `arn:${Aws.PARTITION}:batch:${Aws.REGION}:${Aws.ACCOUNT_ID}:job-definition/${jobs.shardName}:`;
    new events.Rule(this, 'ShardsFailed', {
      description: 'Frustum: merges what is complete of an array in which shards died',
      eventPattern: {
        source: ['aws.batch'],
        detailType: ['Batch Job State Change'],
        detail: {
          jobQueue: [compute.shards.jobQueueArn],
          status: ['FAILED'],
          jobDefinition: [{ prefix: shard }],
          // Once an array, when all of its children have ended.
          arrayProperties: { index: [{ exists: false }] },
        },
      },
      targets: [{ bind: () => this.submission(compute, jobs) }],
    });
  }

  private submission(compute: Compute, jobs: Jobs): events.RuleTargetConfig {
    // The role that the library's own target makes could be borrowed for rules of other accounts.
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('events.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
      description: 'Frustum: submits merges of what is complete',
    });
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'SubmitMerge',
        actions: ['batch:SubmitJob'],
        resources: [jobs.merge.jobDefinitionArn, compute.steps.jobQueueArn],
      }),
    );
    const plan = events.EventField.fromPath(`$.detail.parameters.${BATCH_PLAN_PARAMETER}`);
    return {
      arn: compute.steps.jobQueueArn,
      role,
      batchParameters: {
        jobDefinition: jobs.merge.jobDefinitionArn,
        jobName: 'frustum-rescue-merge',
      },
      input: events.RuleTargetInput.fromObject({ Parameters: { [BATCH_PLAN_PARAMETER]: plan } }),
    };
  }
}
