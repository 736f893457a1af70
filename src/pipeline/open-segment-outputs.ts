import type { ClassRows } from '../core/raster.ts';
import { bordersOf } from '../frustum/plan.ts';
import { deviceBytes } from '../model/choose-batch.ts';
import type { ModelManifest } from '../model/manifest.ts';
import type { Model } from '../model/open-model.ts';
import { cropScene } from '../scene/crop-scene.ts';
import type { Scene } from '../scene/open-scene.ts';
import { toldTime } from '../sink/stac/time.ts';
import type { InferTally } from './infer-rows.ts';
import { openOutputs, titleOf } from './open-outputs.ts';
import type { MemoryPlan } from './plan-memory.ts';
import type { SegmentTask } from './plan-segment.ts';
import type { NetworkReport } from './report-network.ts';
import { describeOutputs, takeRecord, writeRecord } from './run-record.ts';
import type { SegmentOptions } from './segment-options.ts';
import { describeSegment, type MissingRows, type SegmentReport } from './segment-report.ts';
import { writeDocuments } from './write-documents.ts';

export interface SegmentOutputsOptions {
  readonly options: Pick<SegmentOptions, 'outDir' | 'model' | 'aoi'>;
  readonly scene: Scene;
  readonly task: SegmentTask;
  readonly manifest: ModelManifest;
  /** What the run keeps to. */
  readonly memory: MemoryPlan;
  /** Whether the outputs are put elsewhere once they are all there. */
  readonly moved?: boolean;
  /** Heeded while polygons are handed out. */
  readonly signal?: AbortSignal;
}

/** What a run's record says beside what its rows tell. */
export interface RunFacts {
  readonly versions: Model['versions'];
  readonly tally: InferTally;
  /** See `SegmentReport.network`. */
  readonly network: NetworkReport | null;
  readonly warnings: readonly string[];
  /** See `SegmentReport.missing`; empty where the run is whole. */
  readonly missing: readonly MissingRows[];
  /** Wall time so far, asked when the outputs are in their places. */
  readonly totalMs: () => number;
  /** The most memory that all processes were seen to take, asked likewise. */
  readonly peakBytes: () => Promise<number>;
}

/** All files of a run under way. */
export interface SegmentOutputs {
  /** Takes the next rows of the area's bounds, counted from their top. */
  writeRows(rows: ClassRows): Promise<void>;
  /** Puts all files in their places, `run.json` last. */
  commit(facts: RunFacts): Promise<SegmentReport>;
  /** Removes everything that was written. */
  abort(): Promise<void>;
}

/**
 * Opens all outputs of a run, whoever makes its rows.
 * @throws what `openOutputs` throws
 */
export async function openSegmentOutputs(parts: SegmentOutputsOptions): Promise<SegmentOutputs> {
  const { options, scene, task, manifest, memory, signal } = parts;
  const { outDir } = options;
  const { plan, area, config } = task;
  const { vector, polygons, preview } = config;
  const { url, files } = scene;
  const mapped = cropScene(scene, area.bounds);
  const outputs = await openOutputs({
    outDir,
    scene: mapped,
    inputUrls: [url, ...files.map((file) => file.url), ...(options.aoi === undefined ? [] : [options.aoi])],
    title: titleOf(url),
    modelName: manifest.name,
    taken: toldTime(config.taken),
    classes: manifest.classes,
    vector,
    polygons,
    preview,
    seams: { ...bordersOf(plan, area.bounds), scoreStride: manifest.scores.stride },
    ...(signal && { signal }),
  });
  return {
    writeRows: outputs.writeRows,
    abort: outputs.abort,
    async commit({ versions, tally, network, warnings, missing, totalMs, peakBytes }) {
      let earlierFiles: readonly string[] = [];
      return outputs.commit(
        async () => {
          earlierFiles = await takeRecord(outDir);
        },
        async (paths, coverage, wrote) => {
          const { totals } = outputs;
          const written = await describeOutputs(paths);
          const described = describeSegment({
            scene,
            model: { manifest, versions },
            task,
            tally,
            network,
            totals,
            coverage,
            outputs: written,
            warnings,
            missing,
            totalMs: totalMs(),
            memory: {
              promisedBytes: memory.promisedBytes,
              estimatedBytes: memory.estimate.totalBytes,
              peakBytes: await peakBytes(),
              choices: memory.choices,
              deviceBytes:
                network === null || config.provider === 'cpu' ? null : deviceBytes(manifest, network.batch),
            },
          });
          const documents = await writeDocuments({
            outDir,
            grid: mapped.grid,
            modelDir: parts.moved ? null : options.model,
            report: described,
            confidenceCounts: totals.confidenceCounts,
            wrote,
          });
          const report = { ...described, outputs: [...written, ...documents] };
          await writeRecord(outDir, report, earlierFiles);
          return report;
        },
      );
    },
  };
}
