import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openModel } from '../../src/model/open-model.ts';
import { MODEL } from './job-kit.ts';

/** Threads of the network's process once it has worked. */
async function threadsOf(threads: number): Promise<number> {
  const model = await openModel(MODEL, { provider: 'cpu', threads });
  try {
    const view = new Uint8Array(model.manifest.window ** 2 * 3).map((_, i) => (i * 31) % 251);
    for (let i = 0; i < 3; i++) await model.infer({ local: view, short: view, long: view });
    return readdirSync(`/proc/${model.pids[0]}/task`).length;
  } finally {
    await model.close();
  }
}

describe.skipIf(process.platform !== 'linux')('--threads', () => {
  it('is kept: one thread starts no other beside itself, and each further one is one a graph', async () => {
    const [one, two, three] = [await threadsOf(1), await threadsOf(2), await threadsOf(3)];
    // Graphs run one after the other, so that no more than so many work at a time.
    expect([two - one, three - one]).toEqual([3, 6]);
  }, 60_000);
});
