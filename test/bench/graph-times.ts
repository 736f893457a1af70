import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { readModelManifest } from '../../src/index.ts';
import { readCalibrationWindows } from '../../src/pipeline/quantize/choose-windows.ts';
import {
  type Answer,
  BRANCHES,
  type Branch,
  byBranch,
  feedsOf,
  type GraphRunner,
} from '../../src/pipeline/quantize/run-graphs.ts';
import { openScene } from '../../src/scene/open-scene.ts';
import type { ValidationSet } from '../support/validation-sets.ts';

/** CPU milliseconds of a run of each graph. */
export type GraphTimes = Readonly<Record<Branch, number>>;

interface TimesOptions {
  readonly scenes: readonly string[];
  readonly reading: ValidationSet['reading'];
  /** Windows of the scenes that a round runs. */
  readonly windows: number;
  readonly rounds: number;
}

/**
 * Least CPU time of the rounds that each graph of each model takes for a window, on one thread and with the options of a run.
 * The models take turns within a round, so that a machine that is busy with other work slows all of them.
 * @returns in the order of the folders, which are models of one form
 */
export async function measureGraphs(
  folders: readonly string[],
  { scenes, reading, windows, rounds }: TimesOptions,
): Promise<readonly GraphTimes[]> {
  const manifest = await readModelManifest(folders[0]!, false);
  const opened = await Promise.all(scenes.map((url) => openScene(url, reading)));
  const { ranges } = await readCalibrationWindows(opened, manifest, windows);
  for (const scene of opened) await scene.close();
  const networks = await Promise.all(folders.map(openNetwork));
  const least = folders.map(() => ({ long: Infinity, short: Infinity, local: Infinity }));
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [i, runners] of networks.entries()) {
      const took = { long: 0, short: 0, local: 0 };
      for (const views of ranges) {
        const run = async (branch: Branch, context?: { short: Answer; long: Answer }) => {
          const feeds = feedsOf(branch, views, context);
          const start = process.cpuUsage();
          const answer = await runners[branch].run(feeds);
          const { user, system } = process.cpuUsage(start);
          took[branch] += (user + system) / 1000 / ranges.length;
          return answer;
        };
        const [long, short] = [await run('long'), await run('short')];
        await run('local', { long, short });
      }
      if (round === 0) continue;
      for (const branch of BRANCHES) least[i]![branch] = Math.min(least[i]![branch], took[branch]);
    }
  }
  for (const runners of networks) for (const runner of Object.values(runners)) await runner.release();
  return least;
}

/** A model's graphs on one thread, with the options of a run: calibration has others, which spare memory. */
async function openNetwork(folder: string): Promise<Readonly<Record<Branch, GraphRunner>>> {
  const { graphs } = await readModelManifest(folder, false);
  const open = async (branch: Branch): Promise<GraphRunner> => {
    const session = await InferenceSession.create(join(folder, graphs[branch].file), {
      intraOpNumThreads: 1,
      extra: { session: { set_denormal_as_zero: '1' } },
    });
    return { run: async (feeds) => (await session.run(feeds)) as Answer, release: () => session.release() };
  };
  const opening = byBranch(open);
  return { long: await opening.long, short: await opening.short, local: await opening.local };
}
