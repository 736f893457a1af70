import { join } from 'node:path';
import type { Graph } from '../../convert/onnx/graph.ts';
import { type GraphFile, openGraphFile } from '../../convert/onnx/read-graph.ts';
import { findLayers, type LayerList } from '../../convert/quantize/layers.ts';
import { normalisePlanes } from '../../convert/quantize/normalise-planes.ts';
import type { ModelManifest } from '../../model/manifest.ts';
import { BRANCHES, type Branch, byBranch } from './run-graphs.ts';

/** The three graphs of a model, their weights on the disk, and the layers that may be quantized. Close it. */
export interface SourceGraphs {
  readonly graphs: Readonly<Record<Branch, Graph>>;
  readonly layers: Readonly<Record<Branch, LayerList['layers']>>;
  /** Layers that stay in float32 whatever they would lose. */
  readonly left: LayerList['left'];
  /** Paths of the graph files. */
  readonly paths: Readonly<Record<Branch, string>>;
  close(): Promise<void>;
}

/** @throws what `openGraphFile` throws */
export async function openSourceGraphs(dir: string, manifest: ModelManifest): Promise<SourceGraphs> {
  const files: Partial<Record<Branch, GraphFile>> = {};
  const close = async () => {
    for (const file of Object.values(files)) await file.close();
  };
  const paths = byBranch((branch) => join(dir, manifest.graphs[branch].file));
  try {
    for (const branch of BRANCHES) files[branch] = await openGraphFile(paths[branch]);
  } catch (error) {
    await close();
    throw error;
  }
  const graphs = byBranch((branch) => normalisePlanes(files[branch]!.graph));
  const lists = byBranch((branch) => findLayers(graphs[branch]));
  const layers = byBranch((branch) => lists[branch].layers);
  return { graphs, layers, left: BRANCHES.flatMap((branch) => lists[branch].left), paths, close };
}
