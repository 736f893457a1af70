import { join } from 'node:path';
import { describeModelItem, MODEL_ITEM_FILE } from '../../convert/model-item.ts';
import type { Graph } from '../../convert/onnx/graph.ts';
import { writeGraph } from '../../convert/onnx/write-graph.ts';
import { writeTextFile } from '../../convert/write-text-file.ts';
import { type ModelManifest, modelManifestSchema } from '../../model/manifest.ts';
import { BRANCHES, type Branch, byBranch } from './run-graphs.ts';

interface WriteQuantizedOptions {
  /** An empty folder. */
  readonly dir: string;
  readonly graphs: Readonly<Record<Branch, Graph>>;
  /** Its files are those of another model. */
  readonly manifest: ModelManifest;
  readonly externalThresholdBytes: number;
  readonly signal?: AbortSignal;
  readonly onBytes: (done: number, total: number) => void;
}

/** Writes graphs, STAC Item and manifest into a folder of their own. @throws SourceError, AbortedError */
export async function writeQuantizedModel(options: WriteQuantizedOptions): Promise<ModelManifest> {
  const { dir, graphs, externalThresholdBytes, signal, onBytes } = options;
  const sizeOf = ({ initializers }: Graph) => initializers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const total = BRANCHES.reduce((sum, branch) => sum + sizeOf(graphs[branch]), 0);
  const files: Partial<ModelManifest['graphs']> = {};
  let before = 0;
  for (const branch of BRANCHES) {
    const file = `${branch}.onnx`;
    const side = `${file}.data`;
    const { graph, external } = await writeGraph(graphs[branch], {
      path: join(dir, file),
      externalPath: join(dir, side),
      externalName: side,
      externalThresholdBytes,
      signal,
      onBytes: (done) => onBytes(before + done, total),
    });
    files[branch] = { file, ...graph, ...(external && { externalData: { file: side, ...external } }) };
    before += sizeOf(graphs[branch]);
  }
  const manifest = modelManifestSchema.parse({
    ...options.manifest,
    graphs: byBranch((branch) => files[branch]),
  });
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  await writeTextFile(join(dir, MODEL_ITEM_FILE), json(describeModelItem(manifest)));
  await writeTextFile(join(dir, 'manifest.json'), json(manifest));
  return manifest;
}
