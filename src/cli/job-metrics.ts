import { EXIT, exitCodeOf } from '../core/errors.ts';
import type { MetricName } from '../job/contract.ts';
import { formatMetrics } from '../job/format-metrics.ts';

type Values = Readonly<Partial<Record<MetricName, number>>>;

/**
 * Prints metrics where the job's output goes to CloudWatch Logs: in AWS Batch, which says so by `AWS_BATCH_JOB_ID`.
 * @param properties what people search the log for
 */
export function tellMetrics(
  print: (text: string) => void,
  values: Values,
  properties: Readonly<Record<string, string | number>>,
): void {
  const job = process.env.AWS_BATCH_JOB_ID;
  if (job !== undefined) print(formatMetrics(values, { ...properties, job }, Date.now()));
}

/** What a failed or stopped shard counts as. */
export function metricsOfFailure(error: unknown, stopped: boolean): Values {
  return stopped || exitCodeOf(error) === EXIT.tryAgain ? { ShardsStopped: 1 } : { ShardsFailed: 1 };
}
