import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { Compute } from './compute.ts';
import type { Jobs } from './jobs.ts';
import type { Settings } from './settings.ts';

/** Submits the plan job when it is time. What is done already is left out by the plan itself, so a night without new scenes costs minutes. */
export class Nightly extends Construct {
  readonly groupName: string;

  constructor(
    scope: Construct,
    id: string,
    settings: Settings & { nightly: string },
    compute: Compute,
    jobs: Jobs,
  ) {
    super(scope, id);
    this.groupName = `${settings.name}-nightly`;
    const group = new scheduler.CfnScheduleGroup(this, 'Group', { name: this.groupName });
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
      description: 'Frustum: submits the plan job of a night',
    });
    role.addToPolicy(
      new iam.PolicyStatement({
        sid: 'SubmitPlan',
        actions: ['batch:SubmitJob'],
        resources: [jobs.plan.jobDefinitionArn, compute.steps.jobQueueArn],
      }),
    );
    const schedule = new scheduler.CfnSchedule(this, 'Schedule', {
      groupName: this.groupName,
      description: 'Maps of new scenes',
      scheduleExpression: settings.nightly,
      scheduleExpressionTimezone: settings.timeZone,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: `arn:${Aws.PARTITION}:scheduler:::aws-sdk:batch:submitJob`,
        roleArn: role.roleArn,
        input: JSON.stringify({
          JobName: `${settings.name}-nightly`,
          JobQueue: compute.steps.jobQueueArn,
          JobDefinition: jobs.plan.jobDefinitionArn,
        }),
        retryPolicy: { maximumRetryAttempts: 5, maximumEventAgeInSeconds: 3600 },
      },
    });
    schedule.addResourceDependency(group);
    // Else the first night may come before the role may submit.
    schedule.node.addDependency(role);
  }
}
