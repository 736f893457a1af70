import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Graph } from '../../convert/onnx/graph.ts';
import { writeGraph } from '../../convert/onnx/write-graph.ts';
import {
  type Answer,
  BRANCHES,
  type Branch,
  feedsOf,
  type GraphRunner,
  openRunner,
  type Views,
} from './run-graphs.ts';

/** Where graphs are tried, and how. */
export interface Workshop {
  /** Folder for graphs that are tried. */
  readonly dir: string;
  readonly threads: number;
  /** Bytes of weights beyond which a graph keeps them in a side file. */
  readonly externalThresholdBytes: number;
  readonly signal?: AbortSignal;
  /** Called before a stage of so many runs of graphs. */
  readonly onStage?: (stage: 'ranges' | 'checking' | 'ranking', runs: number) => void;
  /** Called after each run of a graph on a window. */
  readonly onRun?: () => void;
}

/** What the context graphs made of their views. */
export interface Context {
  readonly short: Answer;
  readonly long: Answer;
}

/** All outputs of the three graphs for a place. */
export interface Outputs extends Context {
  readonly local: Answer;
}

/** Graphs of one network, open. */
export type Runners = Readonly<Partial<Record<Branch, GraphRunner>>>;

/** Runs a network's graphs on a place; those of the context only where `known` lacks what they make. */
export async function runNetwork(
  runners: Runners,
  views: Views,
  { onRun }: Workshop,
  known: Partial<Context> = {},
): Promise<Outputs> {
  const run = async (branch: Branch, context?: Context) => {
    const answer = await runners[branch]!.run(feedsOf(branch, views, context));
    onRun?.();
    return answer;
  };
  const long = known.long ?? (await run('long'));
  const short = known.short ?? (await run('short'));
  return { long, short, local: await run('local', { long, short }) };
}

/** Opens a network's three graphs, lets `use` work with them, and closes them. */
export async function withNetwork<T>(
  workshop: Workshop,
  graphs: Readonly<Record<Branch, Graph | string>>,
  use: (runners: Runners) => Promise<T>,
): Promise<T> {
  const runners: Partial<Record<Branch, GraphRunner>> = {};
  try {
    for (const branch of BRANCHES) runners[branch] = await openTrial(workshop, branch, graphs[branch]);
    return await use(runners);
  } finally {
    for (const runner of Object.values(runners)) await runner.release();
  }
}

/** Opens a graph: a file as it is, or one that is written to the workshop first and gone when released. */
export async function openTrial(
  workshop: Workshop,
  branch: Branch,
  graph: Graph | string,
): Promise<GraphRunner> {
  if (typeof graph === 'string') return openRunner(graph, workshop.threads, workshop.signal);
  const path = join(workshop.dir, `trial-${branch}.onnx`);
  const side = `trial-${branch}.onnx.data`;
  // Not before: the runtime may have mapped them.
  const remove = async () => {
    for (const file of [path, join(workshop.dir, side)]) await rm(file, { force: true });
  };
  try {
    await writeGraph(graph, {
      path,
      externalPath: join(workshop.dir, side),
      externalName: side,
      externalThresholdBytes: workshop.externalThresholdBytes,
      signal: workshop.signal,
    });
    const runner = await openRunner(path, workshop.threads, workshop.signal);
    return {
      run: runner.run,
      async release() {
        await runner.release();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
