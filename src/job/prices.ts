import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import type { OpenSourceOptions } from '../io/open-source.ts';
import type { Provider } from '../model/protocol.ts';
import { readText } from './read-plan.ts';

/** What an hour of a machine costs, and what the machine has, by where the network runs. */
export const priceTableSchema = z.strictObject({
  name: z.string().describe('where the prices are from'),
  currency: z.string(),
  machines: z.record(
    z.enum(['cpu', 'cuda', 'webgpu']),
    z.strictObject({
      name: z.string(),
      hourly: z.number().min(0),
      cpus: z.number().positive(),
      gpus: z.number().min(0),
    }),
  ),
});

export type PriceTable = z.infer<typeof priceTableSchema>;

/** On-demand list prices of the machines that the infrastructure asks for first; they change, and spot costs less. */
export const DEFAULT_PRICES: PriceTable = {
  name: 'AWS on demand, us-east-1, list prices of 2025; give your own with --prices',
  currency: 'USD',
  machines: {
    cpu: { name: 'c7i.2xlarge', hourly: 0.357, cpus: 8, gpus: 0 },
    cuda: { name: 'g6.xlarge', hourly: 0.8048, cpus: 4, gpus: 1 },
    webgpu: { name: 'g6.xlarge', hourly: 0.8048, cpus: 4, gpus: 1 },
  },
};

/**
 * Reads a price table.
 * @throws SourceError; ConfigError if it is none
 */
export async function readPrices(url: string, options: OpenSourceOptions = {}): Promise<PriceTable> {
  const text = await readText(url, options);
  try {
    return priceTableSchema.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll('\n', ' ') : 'not JSON';
    throw new ConfigError(`${url}: no price table: ${why}`, { pointer: '--prices', value: url, cause });
  }
}

/**
 * Windows a second that a machine is assumed to do where nobody has measured. On processors: 27 CPU seconds for the
 * published network (291 million parameters, windows of 512 px), and in proportion to parameters and pixels. On graphics
 * cards: 100 times one processor, a guess.
 */
export function assumeSpeed(
  network: { readonly parameters: number; readonly window: number },
  provider: Provider,
  threads: number,
): number {
  const cpuSeconds = 27 * (network.parameters / 291e6) * (network.window / 512) ** 2;
  return (provider === 'cpu' ? threads : 100) / cpuSeconds;
}
