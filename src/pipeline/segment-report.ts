import { reportSeams, type SeamReport } from '../evaluate/seams.ts';
import type { ModelManifest } from '../model/manifest.ts';
import type { Model } from '../model/open-model.ts';
import { modelChecksum } from '../model/read-manifest.ts';
import type { Scene } from '../scene/open-scene.ts';
import type { SceneMetadata } from '../scene/scene-metadata.ts';
import { type ConfidenceSummary, summarizeConfidence } from '../sink/report/histogram.ts';
import type { GeneralisationSummary } from '../vectorize/generalise-coverage.ts';
import type { CoverageSummary } from '../vectorize/trace-coverage.ts';
import { passesOf } from './ask-network.ts';
import type { InferTally } from './infer-rows.ts';
import type { MeasuredCost } from './measured-quality.ts';
import type { RowTotals } from './open-outputs.ts';
import type { AreaRecord } from './plan-area.ts';
import type { MemoryRecord } from './plan-memory.ts';
import type { SegmentTask } from './plan-segment.ts';
import type { NetworkReport } from './report-network.ts';
import { identityOf, type RunRecord } from './run-record.ts';
import { FRUSTUM_VERSION } from './version.ts';

/** One class of the result. */
export interface ClassSummary {
  readonly id: number;
  readonly name: string;
  readonly color: string;
  readonly pixels: number;
  /** Share of the valid pixels, 0..1. */
  readonly share: number;
  /** Ellipsoidal area in square metres; `null` without georeferencing or polygons. */
  readonly areaM2: number | null;
  /** `null` without polygons. */
  readonly polygons: number | null;
  /** Over pixels, 0..255; `null` where the class does not occur. */
  readonly meanConfidence: number | null;
}

/** `run.json` of `frustum segment`. */
export interface SegmentReport extends RunRecord {
  readonly verb: 'segment';
  /** `partial` where rows are missing: those are without data in the outputs. */
  readonly outcome: 'done' | 'partial';
  /** Scene rows that are missing, `y1` exclusive, and why; only in a partial run. */
  readonly missing?: readonly MissingRows[];
  readonly software: Readonly<Record<'frustum' | 'node' | 'onnxruntime' | 'platform', string>>;
  readonly scene: SceneMetadata;
  readonly model: Pick<
    ModelManifest,
    | 'name'
    | 'window'
    | 'distances'
    | 'padTo'
    | 'dtype'
    | 'quantization'
    | 'scaleEmbeddings'
    | 'parameters'
    | 'source'
  > & { readonly checksum: string };
  readonly config: SegmentTask['config'];
  /** What these settings cost on the model's own validation scenes; `null` where the model's folder doesn't say. */
  readonly measuredCost: MeasuredCost | null;
  /** The part of the scene that was asked for; `null` for all of it. */
  readonly area: AreaRecord | null;
  readonly plan: {
    /** Of the whole scene. */
    readonly windows: number;
    readonly frame: { readonly width: number; readonly height: number };
    readonly published: { readonly runs: number; readonly distinct: number };
  };
  readonly counts: {
    readonly windowsRun: number;
    readonly windowsWithoutData: number;
    /** Windows of the plan that reach no pixel of the area. */
    readonly windowsSkipped: number;
    readonly longEncoderRuns: number;
    readonly shortEncoderRuns: number;
    /** Times that windows went through the network: `windowsRun`, each as often as `config.tta` says. */
    readonly networkRuns: number;
    readonly validPixels: number;
    readonly nodataPixels: number;
    readonly polygons: number | null;
  };
  /** What merging and simplifying did to the polygons; `null` where they are those of the pixels. */
  readonly generalisation: GeneralisationSummary | null;
  /** Pixels and confidence as in `landcover.tif`; area and polygons as in the polygon layer. */
  readonly classes: readonly ClassSummary[];
  /** Over all pixels with data, 0 to 1; `null` without any. */
  readonly confidence: ConfidenceSummary | null;
  /** How much window borders show in the map. */
  readonly seams: SeamReport;
  readonly reads: Scene['stats'];
  /** Wall time; the network's parts overlap with reading and writing, and those of its workers add up. */
  readonly seconds: Readonly<Record<'total' | 'read' | 'long' | 'short' | 'local' | 'stitch', number>>;
  /** How the network ran; `null` where others made the rows. */
  readonly network: NetworkReport | null;
  /** Largest resident memory of this process so far, without the inference processes. */
  readonly peakResidentBytes: number;
  /** Of all processes of the run together. */
  readonly memory: MemoryRecord;
  readonly warnings: readonly string[];
  /** True only in the answer to a rerun that found everything done; never in the file. */
  readonly alreadyDone?: true;
}

/** Rows of the scene that a partial run lacks. */
export interface MissingRows {
  readonly y0: number;
  readonly y1: number;
  readonly reason: string;
}

export interface ReportParts {
  readonly scene: Scene;
  readonly model: Pick<Model, 'manifest' | 'versions'>;
  readonly task: SegmentTask;
  readonly tally: InferTally;
  readonly network: NetworkReport | null;
  readonly totals: RowTotals;
  readonly coverage: CoverageSummary | null;
  readonly outputs: RunRecord['outputs'];
  readonly warnings: readonly string[];
  /** Empty where the run is whole. */
  readonly missing: readonly MissingRows[];
  readonly totalMs: number;
  readonly memory: MemoryRecord;
}

export function describeSegment(parts: ReportParts): SegmentReport {
  const { scene, model, task, tally, totals, coverage, missing } = parts;
  const { manifest } = model;
  const { frame, published, rows, columns } = task.plan;
  const windows = rows.length * columns.length;
  // A class whose every area was merged away has polygons of no area.
  const noArea = coverage?.classes.some(({ areaM2 }) => areaM2 !== null) ? 0 : null;
  const { name, window, distances, padTo, dtype, quantization, scaleEmbeddings, parameters, source } =
    manifest;
  return {
    format: 'frustum-run',
    version: 1,
    verb: 'segment',
    outcome: missing.length === 0 ? 'done' : 'partial',
    // A partial run is not the run: whoever looks for that one must not find it.
    identity: missing.length === 0 ? task.identity : identityOf({ partial: task.identity, missing }),
    ...(missing.length > 0 && { missing }),
    software: {
      frustum: FRUSTUM_VERSION,
      node: process.version,
      onnxruntime: model.versions.onnxruntime,
      platform: `${process.platform}-${process.arch}`,
    },
    scene: scene.metadata,
    model: {
      name,
      checksum: modelChecksum(manifest),
      window,
      distances,
      padTo,
      dtype,
      ...(quantization && { quantization }),
      scaleEmbeddings,
      parameters,
      source,
    },
    config: task.config,
    measuredCost: task.measuredCost,
    area: task.record,
    plan: { windows, frame, published },
    counts: {
      windowsRun: tally.windows,
      windowsWithoutData: tally.emptyWindows,
      windowsSkipped: windows - task.plan.count,
      longEncoderRuns: tally.longEncoderRuns,
      shortEncoderRuns: tally.shortEncoderRuns,
      networkRuns: tally.windows * passesOf(task.config.tta),
      validPixels: totals.validPixels,
      nodataPixels: totals.nodataPixels,
      polygons: coverage?.faces ?? null,
    },
    generalisation: coverage?.generalisation ?? null,
    classes: manifest.classes.map(({ id, name, color }) => {
      const pixels = totals.pixelCounts[id]!;
      const total = coverage?.classes.find((c) => c.classId === id);
      return {
        id,
        name,
        color,
        pixels,
        share: totals.validPixels === 0 ? 0 : pixels / totals.validPixels,
        areaM2: total?.areaM2 ?? noArea,
        polygons: coverage === null ? null : (total?.features ?? 0),
        meanConfidence: pixels === 0 ? null : totals.confidenceSums[id]! / pixels,
      };
    }),
    confidence: summarizeConfidence(totals.confidenceCounts),
    seams: reportSeams(totals.seams),
    reads: scene.stats,
    seconds: {
      total: inSeconds(parts.totalMs),
      read: inSeconds(tally.readMs),
      long: inSeconds(tally.longMs),
      short: inSeconds(tally.shortMs),
      local: inSeconds(tally.localMs),
      stitch: inSeconds(tally.stitchMs),
    },
    network: parts.network,
    peakResidentBytes: process.resourceUsage().maxRSS * 1024,
    memory: parts.memory,
    warnings: parts.warnings,
    outputs: parts.outputs,
  };
}

function inSeconds(milliseconds: number): number {
  return Math.round(milliseconds) / 1000;
}
