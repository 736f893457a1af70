import { Match, type Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { METRICS } from '../../src/job/contract.ts';
import { type Json, resource, resources, statementsOf, synthesise } from './support.ts';

const NIGHT = {
  nightly: 'cron(15 1 * * ? *)',
  timeZone: 'Europe/Berlin',
  email: 'maps@example.org',
  pipeline: '/app/pipelines/gid.json',
};

describe('what people are told', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesise(NIGHT);
  });

  it('goes to one encrypted topic, and to the address given', () => {
    template.resourceCountIs('AWS::SNS::Topic', 1);
    template.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.anyValue() });
    template.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'maps@example.org',
    });
    template.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true, PendingWindowInDays: 7 });
  });

  it('may be published by EventBridge and CloudWatch of this account, key included', () => {
    for (const [type, field] of [
      ['AWS::SNS::TopicPolicy', 'PolicyDocument'],
      ['AWS::KMS::Key', 'KeyPolicy'],
    ] as const) {
      template.hasResourceProperties(type, {
        [field]: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Allow',
              Principal: { Service: ['events.amazonaws.com', 'cloudwatch.amazonaws.com'] },
              Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
            }),
          ]),
        },
      });
    }
  });

  it('says done when a merge is done, and failed whenever a job of ours failed, once an array', () => {
    const [, merge] = resource(template, 'AWS::Batch::JobDefinition', 'JobsMerge');
    const rule = (name: string) => {
      const [, properties] = resource(template, 'AWS::Events::Rule', `Watch${name}`);
      return properties as unknown as {
        EventPattern: { detail: Record<string, Json> };
        Targets: { InputTransformer: { InputTemplate: string } }[];
      };
    };
    expect(rule('Done').EventPattern.detail.status).toEqual(['SUCCEEDED']);
    expect(JSON.stringify(rule('Done').EventPattern.detail.jobDefinition)).toMatch(
      new RegExp(`"prefix":.*:job-definition/${merge.JobDefinitionName}:"`),
    );
    expect(rule('Done').Targets[0]!.InputTransformer.InputTemplate).toContain('done');
    expect(rule('Failed').EventPattern.detail).toMatchObject({ status: ['FAILED'] });
    expect(rule('Failed').EventPattern.detail.jobDefinition).toBeUndefined();
    expect(rule('Failed').Targets[0]!.InputTransformer.InputTemplate).toContain('failed');
    for (const name of ['Done', 'Failed']) {
      expect(rule(name).EventPattern.detail.jobQueue).toHaveLength(2);
      expect(rule(name).EventPattern.detail.arrayProperties).toEqual({ index: [{ exists: false }] });
    }
  });

  it('says partial, and what else jobs measured, by alarms that all reach the topic', () => {
    const [topic] = resources(template, 'AWS::SNS::Topic')[0]!;
    const alarms = resources(template, 'AWS::CloudWatch::Alarm');
    for (const [, alarm] of alarms) expect(alarm.AlarmActions).toEqual([{ Ref: topic }]);
    expect(alarms.map(([, alarm]) => `${alarm.Namespace} ${alarm.MetricName}`).sort()).toEqual([
      'AWS/Scheduler TargetErrorCount',
      'Frustum PeakMemoryBytes',
      'Frustum RunsPlanned',
      'Frustum ScenesFailed',
      'Frustum ScenesPartial',
      'Frustum ShardsFailed',
      'Frustum ShardsStopped',
    ]);
    const partial = alarms.find(([, alarm]) => alarm.MetricName === 'ScenesPartial')![1];
    expect(partial).toMatchObject({
      Threshold: 1,
      Statistic: 'Sum',
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
    });
    expect(partial.AlarmDescription).toContain('partial');
  });

  it('asks for no metric that the code does not write, in alarms and on the dashboard', () => {
    const known = new Set(Object.keys(METRICS.units));
    const asked = resources(template, 'AWS::CloudWatch::Alarm')
      .filter(([, alarm]) => alarm.Namespace === METRICS.namespace)
      .map(([, alarm]) => alarm.MetricName as string);
    for (const name of asked) expect(known).toContain(name);
    const body = JSON.stringify(resources(template, 'AWS::CloudWatch::Dashboard')[0]![1].DashboardBody);
    const drawn = [...body.matchAll(/Frustum\\+",\\+"([A-Za-z]+)\\+"/g)].map((match) => match[1]!);
    // The dashboard shows each of them but the count of runs.
    expect(new Set(drawn)).toEqual(new Set([...known].filter((name) => name !== 'RunsPlanned')));
  });
});

describe('the merge of what is complete', () => {
  it('is submitted with the plan of an array of shards that failed, once, and nothing else is', () => {
    const template = synthesise();
    const [, rule] = resource(template, 'AWS::Events::Rule', 'Rescue');
    const { detail } = rule.EventPattern as { detail: Record<string, Json> };
    expect(detail).toMatchObject({ status: ['FAILED'], arrayProperties: { index: [{ exists: false }] } });
    expect(JSON.stringify(detail.jobQueue)).toContain('ComputeShards');
    const [, shard] = resource(template, 'AWS::Batch::JobDefinition', 'JobsShard');
    expect(JSON.stringify(detail.jobDefinition)).toContain(`:job-definition/${shard.JobDefinitionName}:`);
    const [target] = rule.Targets as { [key: string]: Json }[];
    const [merge] = resource(template, 'AWS::Batch::JobDefinition', 'JobsMerge');
    const [queue] = resource(template, 'AWS::Batch::JobQueue', 'ComputeSteps');
    expect(target).toMatchObject({
      Arn: { 'Fn::GetAtt': [queue, 'JobQueueArn'] },
      BatchParameters: { JobDefinition: { Ref: merge } },
      InputTransformer: {
        InputPathsMap: { 'detail-parameters-plan': '$.detail.parameters.plan' },
        InputTemplate: '{"Parameters":{"plan":<detail-parameters-plan>}}',
      },
    });
    expect(statementsOf(template, 'RescueRole')).toEqual([
      {
        Sid: 'SubmitMerge',
        Effect: 'Allow',
        Action: 'batch:SubmitJob',
        Resource: [{ Ref: merge }, { 'Fn::GetAtt': [queue, 'JobQueueArn'] }],
      },
    ]);
    const [, role] = resource(template, 'AWS::IAM::Role', 'RescueRole');
    expect(JSON.stringify(role.AssumeRolePolicyDocument)).toContain('aws:SourceAccount');
  });
});

describe('the nightly run', () => {
  it('is not there unless asked for: a deployment alone starts no work', () => {
    const template = synthesise();
    template.resourceCountIs('AWS::Scheduler::Schedule', 0);
    expect(resources(template, 'AWS::CloudWatch::Alarm').map(([, a]) => a.MetricName)).not.toContain(
      'RunsPlanned',
    );
  });

  it('submits the plan job at its hour, and may do only that', () => {
    const template = synthesise(NIGHT);
    const [plan] = resource(template, 'AWS::Batch::JobDefinition', 'JobsPlan');
    const [queue] = resource(template, 'AWS::Batch::JobQueue', 'ComputeSteps');
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'cron(15 1 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Berlin',
      GroupName: 'Frustum-nightly',
      State: Match.absent(),
    });
    const [, schedule] = resource(template, 'AWS::Scheduler::Schedule', 'Nightly');
    const target = JSON.stringify(schedule.Target);
    expect(target).toContain('scheduler:::aws-sdk:batch:submitJob');
    for (const id of [plan, queue]) expect(target).toContain(id);
    expect(statementsOf(template, 'NightlyRole')).toEqual([
      {
        Sid: 'SubmitPlan',
        Effect: 'Allow',
        Action: 'batch:SubmitJob',
        Resource: [{ Ref: plan }, { 'Fn::GetAtt': [queue, 'JobQueueArn'] }],
      },
    ]);
  });

  it('looks at the prefix of scenes and writes below the prefix of maps', () => {
    const template = synthesise({
      ...NIGHT,
      inputBucket: 'my-scenes',
      inputPrefix: 'new/',
      outputBucket: 'my-maps',
    });
    const [, plan] = resource(template, 'AWS::Batch::JobDefinition', 'JobsPlan');
    expect(plan.Parameters).toEqual({
      scenes: 's3://my-scenes/new/',
      pipeline: '/app/pipelines/gid.json',
      out: 's3://my-maps/maps/',
    });
  });
});
