import { METRICS, type MetricName } from './contract.ts';

/**
 * One line of CloudWatch's embedded metric format: printed to standard output by a job whose output goes to CloudWatch Logs,
 * it becomes metrics without any call. Specification: Amazon CloudWatch User Guide, "Embedded metric format".
 * @param values numbers by metric; those that are not finite are left out, since one of them would void the line
 * @param properties what the line also says, for people who search the log (the run, the shard); never a dimension
 * @param timestampMs milliseconds since 1970
 */
export function formatMetrics(
  values: Readonly<Partial<Record<MetricName, number>>>,
  properties: Readonly<Record<string, string | number>>,
  timestampMs: number,
): string {
  const kept = (Object.keys(METRICS.units) as MetricName[]).filter((name) => Number.isFinite(values[name]));
  return JSON.stringify({
    ...properties,
    ...Object.fromEntries(kept.map((name) => [name, values[name]])),
    _aws: {
      Timestamp: timestampMs,
      CloudWatchMetrics: [
        {
          Namespace: METRICS.namespace,
          Dimensions: [[]],
          Metrics: kept.map((name) => ({ Name: name, Unit: METRICS.units[name] })),
        },
      ],
    },
  });
}
