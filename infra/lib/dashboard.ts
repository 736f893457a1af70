import { Duration } from 'aws-cdk-lib';
import * as cw from 'aws-cdk-lib/aws-cloudwatch';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { METRICS, type MetricName } from '../../src/job/contract.ts';
import type { Settings } from './settings.ts';

const HOUR = Duration.hours(1);

/** What a person looks at in the morning: what was made, how fast, what it held, what went wrong. */
export function createDashboard(scope: Construct, settings: Settings, log: ILogGroup): cw.Dashboard {
  const show = (name: MetricName, statistic = 'Sum') =>
    new cw.Metric({
      namespace: METRICS.namespace,
      metricName: name,
      statistic,
      period: HOUR,
      label: statistic === 'Sum' ? name : `${name} ${statistic}`,
    });
  const graph = (title: string, metrics: cw.IMetric[], more: Partial<cw.GraphWidgetProps> = {}) =>
    new cw.GraphWidget({ title, width: 12, height: 6, left: metrics, ...more });
  return new cw.Dashboard(scope, 'Dashboard', {
    dashboardName: settings.name,
    defaultInterval: Duration.days(7),
    widgets: [
      [
        new cw.SingleValueWidget({
          title: 'Scenes',
          width: 24,
          height: 3,
          setPeriodToTimeRange: true,
          metrics: [show('ScenesPlanned'), show('ScenesDone'), show('ScenesPartial'), show('ScenesFailed')],
        }),
      ],
      [
        graph(
          'Shards',
          [show('ShardsPlanned'), show('ShardsDone'), show('ShardsStopped'), show('ShardsFailed')],
          {
            stacked: false,
          },
        ),
        graph('Seconds a shard', [show('ShardSeconds', 'p50'), show('ShardSeconds', 'p95')]),
      ],
      [
        graph('Windows and bytes read an hour', [show('Windows')], { right: [show('BytesRead')] }),
        graph('Peak memory', [show('PeakMemoryBytes', 'Maximum')], {
          leftAnnotations: [{ value: settings.shardMemoryMiB * 1024 * 1024, label: 'a shard is given' }],
        }),
      ],
      [
        new cw.LogQueryWidget({
          title: 'What went wrong',
          width: 24,
          height: 8,
          logGroupNames: [log.logGroupName],
          queryLines: [
            'fields @timestamp, tag, message, @logStream',
            'filter level = "fatal" or level = "error"',
            'sort @timestamp desc',
            'limit 50',
          ],
        }),
      ],
    ],
  });
}
