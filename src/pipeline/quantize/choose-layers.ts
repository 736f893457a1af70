import type { Graph } from '../../convert/onnx/graph.ts';
import type { Layer } from '../../convert/quantize/layers.ts';
import { quantizeGraph } from '../../convert/quantize/quantize-graph.ts';
import type { WeightBits } from '../../convert/quantize/quantize-weight.ts';
import { chooseRange, type RangeMethod, scaleOf, type TensorScale } from '../../convert/quantize/ranges.ts';
import { ModelError } from '../../core/errors.ts';
import type { CalibrationWindows } from './choose-windows.ts';
import { changeOf, classesOf, shareAlike } from './compare-scores.ts';
import { type Outputs, openTrial, runNetwork, type Workshop, withNetwork } from './network.ts';
import type { Observed } from './observe-model.ts';
import type { SourceGraphs } from './open-source-model.ts';
import { BRANCHES, type Branch, byBranch, type Views } from './run-graphs.ts';

/** Which layers become integers, and what that changes. */
export interface LayerChoice {
  readonly graphs: Readonly<Record<Branch, Graph>>;
  readonly quantized: readonly Layer[];
  /** Layers that stay in float32 because of what they would lose. */
  readonly kept: readonly Layer[];
  /** Share of the check windows' score cells that have the class of the float32 network. */
  readonly agreement: number;
}

export interface ChooseLayersOptions {
  readonly ranges: RangeMethod;
  readonly weightBits: WeightBits;
  readonly leastAgreement: number;
}

/** Windows that groups are ranked on; not those that the result is judged by. */
const RANKING_WINDOWS = 4;

type Quantize = (branch: Branch, isWanted: (group: string) => boolean) => Graph;

/**
 * Quantizes all layers, or leaves as few of them in float32 as it takes for the classes of the check windows to agree with
 * the float32 network's: first those that change the scores most for the multiplications that they do, each group of layers
 * measured with it alone in integers.
 * @throws ModelError if none may be quantized
 */
export async function chooseLayers(
  source: SourceGraphs,
  observed: Observed,
  windows: CalibrationWindows,
  options: ChooseLayersOptions,
  workshop: Workshop,
): Promise<LayerChoice> {
  const { ranges, weightBits, leastAgreement } = options;
  const scales = byBranch((branch) => {
    const seen = [...observed.seen[branch]];
    return new Map(seen.map(([name, s]): [string, TensorScale] => [name, scaleOf(chooseRange(ranges, s))]));
  });
  const quantize: Quantize = (branch, isWanted) =>
    quantizeGraph(
      source.graphs[branch],
      source.layers[branch].filter(({ group }) => isWanted(group)),
      scales[branch],
      weightBits,
    );
  const classify = (graphs: Readonly<Record<Branch, Graph | string>>) => {
    workshop.onStage?.('checking', BRANCHES.length * windows.checks.length);
    return withNetwork(workshop, graphs, async (runners) => {
      const classes: Uint8Array[] = [];
      for (const views of windows.checks)
        classes.push(classesOf((await runNetwork(runners, views, workshop)).local));
      return classes;
    });
  };
  const layers = BRANCHES.flatMap((branch) => source.layers[branch]);
  const truth = await classify(source.paths);
  const judge = async (groups: readonly string[]): Promise<LayerChoice> => {
    const left = new Set(groups);
    const graphs = byBranch((branch) => quantize(branch, (group) => !left.has(group)));
    return {
      graphs,
      quantized: layers.filter(({ group }) => !left.has(group)),
      kept: layers.filter(({ group }) => left.has(group)),
      agreement: shareAlike(truth, await classify(graphs)),
    };
  };

  const whole = await judge([]);
  if (whole.agreement >= leastAgreement) return whole;
  const ranked = await rankGroups(source, observed, windows.ranges, quantize, workshop);
  // To leave the first `few` is not enough; to leave the first `many` is: all of them are the float32 network.
  let few = 0;
  let many = ranked.length;
  let best: LayerChoice | null = null;
  while (many - few > 1) {
    const middle = Math.floor((few + many) / 2);
    const choice = await judge(ranked.slice(0, middle));
    if (choice.agreement >= leastAgreement) [best, many] = [choice, middle];
    else few = middle;
  }
  if (best !== null) return best;
  throw outOfReach(leastAgreement, whole.agreement);
}

/** Groups by how much each, alone in integers, changes the scores for each multiplication that it does; most first. */
async function rankGroups(
  source: SourceGraphs,
  { work }: Observed,
  windows: readonly Views[],
  quantize: Quantize,
  workshop: Workshop,
): Promise<string[]> {
  const sample = windows.slice(0, RANKING_WINDOWS);
  const groupsOf = (branch: Branch) => [...new Set(source.layers[branch].map(({ group }) => group))];
  const prices: { readonly group: string; readonly price: number }[] = [];
  const truth: Outputs[] = [];
  const runs = { long: 2, short: 2, local: 1 } as const;
  const total = BRANCHES.reduce((sum, branch) => sum + 1 + runs[branch] * groupsOf(branch).length, 0);
  workshop.onStage?.('ranking', sample.length * total);

  const rank = async (branch: Branch, group: string, run: RunTrial) => {
    const trial = await openTrial(
      workshop,
      branch,
      quantize(branch, (name) => name === group),
    );
    try {
      let change = 0;
      for (const [i, views] of sample.entries())
        change += changeOf((await run(trial, views, truth[i]!)).local, truth[i]!.local);
      const layers = source.layers[branch].filter((layer) => layer.group === group);
      const macs = layers.reduce((sum, { name }) => sum + work.get(name)!, 0);
      prices.push({ group, price: change / macs });
    } finally {
      await trial.release();
    }
  };
  await withNetwork(workshop, source.paths, async (plain) => {
    for (const views of sample) truth.push(await runNetwork(plain, views, workshop));
    for (const group of groupsOf('long'))
      await rank('long', group, (long, views, { short }) =>
        runNetwork({ ...plain, long }, views, workshop, { short }),
      );
    for (const group of groupsOf('short'))
      await rank('short', group, (short, views, { long }) =>
        runNetwork({ ...plain, short }, views, workshop, { long }),
      );
  });
  // The largest graph last, and alone: with the float32 one open beside it, it would be in memory twice.
  for (const group of groupsOf('local'))
    await rank('local', group, (local, views, known) => runNetwork({ local }, views, workshop, known));
  return prices.sort((a, b) => b.price - a.price).map(({ group }) => group);
}

type RunTrial = (
  trial: Awaited<ReturnType<typeof openTrial>>,
  views: Views,
  truth: Outputs,
) => Promise<Outputs>;

function outOfReach(least: number, found: number): ModelError {
  const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
  return new ModelError(
    `no layer of this model can be quantized: fewer than ${percent(least)} of the score cells would keep their class (${percent(found)} with all layers). Ask for less (--agreement), or calibrate on more windows, or on scenes like those to be mapped`,
    { tensor: 'scores', expected: percent(least), actual: percent(found) },
  );
}
