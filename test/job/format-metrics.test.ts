import { describe, expect, it } from 'vitest';
import { formatMetrics } from '../../src/job/format-metrics.ts';

describe('formatMetrics', () => {
  const line = formatMetrics(
    { ShardsDone: 1, ShardSeconds: 903.5, Windows: Number.NaN },
    { run: 'r1', shard: 7 },
    1000,
  );

  it('is one line that CloudWatch reads as metrics without dimensions', () => {
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({
      run: 'r1',
      shard: 7,
      ShardsDone: 1,
      ShardSeconds: 903.5,
      _aws: {
        Timestamp: 1000,
        CloudWatchMetrics: [
          {
            Namespace: 'Frustum',
            Dimensions: [[]],
            Metrics: [
              { Name: 'ShardsDone', Unit: 'Count' },
              { Name: 'ShardSeconds', Unit: 'Seconds' },
            ],
          },
        ],
      },
    });
  });

  it('lets no property take the place of a metric', () => {
    const clash = JSON.parse(formatMetrics({ Windows: 3 }, { Windows: 'many', _aws: 'x' }, 0));
    expect(clash.Windows).toBe(3);
    expect(clash._aws.CloudWatchMetrics).toHaveLength(1);
  });
});
