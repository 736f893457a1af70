import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as cw from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { METRICS, type MetricName } from '../../src/job/contract.ts';
import type { Compute } from './compute.ts';
import { createDashboard } from './dashboard.ts';
import type { Jobs } from './jobs.ts';
import type { Settings } from './settings.ts';

/** One metric of the jobs. */
export function metric(name: MetricName, statistic: string, period = Duration.minutes(5)): cw.Metric {
  return new cw.Metric({ namespace: METRICS.namespace, metricName: name, statistic, period });
}

/** Tells people: a topic for done, partial and failed, a dashboard, alarms. */
export class Watch extends Construct {
  readonly topic: sns.Topic;

  constructor(
    scope: Construct,
    id: string,
    settings: Settings,
    compute: Compute,
    jobs: Jobs,
    scheduleGroup: string | null,
  ) {
    super(scope, id);
    this.topic = this.createTopic(settings);
    this.announce(compute, jobs);
    this.raiseAlarms(settings, scheduleGroup);
    createDashboard(this, settings, jobs.log);
  }

  private createTopic(settings: Settings): sns.Topic {
    const speakers = ['events.amazonaws.com', 'cloudwatch.amazonaws.com'].map(
      (service) => new iam.ServicePrincipal(service),
    );
    const ours = { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } };
    // The key that AWS offers for topics does not let EventBridge and CloudWatch publish.
    const key = new kms.Key(this, 'Key', {
      description: 'Frustum: messages of runs',
      enableKeyRotation: true,
      pendingWindow: Duration.days(7),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    key.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Publishers',
        principals: speakers,
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: ours,
      }),
    );
    const topic = new sns.Topic(this, 'Runs', {
      masterKey: key,
      enforceSSL: true,
      displayName: 'Frustum runs',
    });
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Publishers',
        principals: speakers,
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: ours,
      }),
    );
    if (settings.email !== undefined) topic.addSubscription(new EmailSubscription(settings.email));
    return topic;
  }

  /** Messages that Batch itself is the source of: they come even if a job had no time for last words. */
  private announce(compute: Compute, jobs: Jobs): void {
    const field = events.EventField.fromPath;
    // Any revision: a merge that began before an update ends after it.
    const merge = `arn:${Aws.PARTITION}:batch:${Aws.REGION}:${Aws.ACCOUNT_ID}:job-definition/${jobs.mergeName}:`;
    const say = (id: string, detail: Record<string, unknown>, text: string) =>
      new events.Rule(this, id, {
        eventPattern: {
          source: ['aws.batch'],
          detailType: ['Batch Job State Change'],
          detail: {
            jobQueue: [compute.shards.jobQueueArn, compute.steps.jobQueueArn],
            // An array speaks as a whole, not by each of its children.
            arrayProperties: { index: [{ exists: false }] },
            ...detail,
          },
        },
        targets: [new targets.SnsTopic(this.topic, { message: events.RuleTargetInput.fromText(text) })],
      });
    say(
      'Done',
      { status: ['SUCCEEDED'], jobDefinition: [{ prefix: merge }] },
      `Frustum: done: ${field('$.detail.jobName')}. Its maps are in place; if scenes are missing in them, an alarm says so. Job ${field('$.detail.jobId')}.`,
    );
    say(
      'Failed',
      { status: ['FAILED'] },
      `Frustum: failed: ${field('$.detail.jobName')} (${field('$.detail.statusReason')}). What is finished is kept: frustum status names what is missing, frustum retry redoes only that. Job ${field('$.detail.jobId')}.`,
    );
  }

  private raiseAlarms(settings: Settings, scheduleGroup: string | null): void {
    const action = new SnsAction(this.topic);
    const alarm = (
      id: string,
      source: cw.IMetric,
      threshold: number,
      text: string,
      more: Partial<cw.AlarmProps> = {},
    ) =>
      new cw.Alarm(this, id, {
        metric: source,
        threshold,
        alarmDescription: `Frustum: ${text}`,
        evaluationPeriods: 1,
        comparisonOperator: cw.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: cw.TreatMissingData.NOT_BREACHING,
        ...more,
      }).addAlarmAction(action);

    alarm(
      'PartialScenes',
      metric('ScenesPartial', 'Sum'),
      1,
      'partial: a map is marked as partial; frustum status names what is missing in it',
    );
    alarm(
      'FailedScenes',
      metric('ScenesFailed', 'Sum'),
      1,
      'failed: scenes without a map; frustum status names them and why',
    );
    alarm(
      'FailedShards',
      metric('ShardsFailed', 'Sum'),
      1,
      'shards failed for good; the log says why, frustum retry redoes them',
    );
    alarm(
      'ManyStops',
      metric('ShardsStopped', 'Sum', Duration.hours(1)),
      50,
      'shards are stopped again and again: spot takes machines often; more instance types or zones help',
    );
    alarm(
      'Memory',
      metric('PeakMemoryBytes', 'Maximum'),
      Math.floor(settings.shardMemoryMiB * 1024 * 1024 * 0.95),
      'a job used more than 95 % of its memory; give shards more (shardMemoryMiB)',
    );
    if (scheduleGroup === null) return;
    alarm(
      'NoNight',
      metric('RunsPlanned', 'Sum', Duration.days(1)),
      1,
      'no run was planned for a day although one is due each night',
      {
        comparisonOperator: cw.ComparisonOperator.LESS_THAN_THRESHOLD,
        treatMissingData: cw.TreatMissingData.BREACHING,
      },
    );
    alarm(
      'ScheduleErrors',
      new cw.Metric({
        namespace: 'AWS/Scheduler',
        metricName: 'TargetErrorCount',
        dimensionsMap: { ScheduleGroup: scheduleGroup },
        statistic: 'Sum',
        period: Duration.minutes(5),
      }),
      1,
      'the schedule could not submit the plan job',
    );
  }
}
