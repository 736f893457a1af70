/**
 * Frustum's public API. Everything else is internal and may change at any time.
 */

export { boxArea, type LonLatArea, type LonLatBox, type LonLatPolygon } from './area/lon-lat-area.ts';
export { type PlaceAreaOptions, placeArea } from './area/place-area.ts';
export { readArea } from './area/read-area.ts';
export { type ConvertOptions, type ConvertProgress, convertCheckpoint } from './convert/convert.ts';
export type { WeightBits } from './convert/quantize/quantize-weight.ts';
export type { RangeMethod } from './convert/quantize/ranges.ts';
export { type Affine, applyAffine, invertAffine, pixelDeterminant, scaleAffine } from './core/affine.ts';
export { type AreaWalk, type PixelArea, windowArea } from './core/area.ts';
export { type LandCoverClass, NODATA_CLASS } from './core/classes.ts';
export type { CoverageFeature, CoverageGeometry, CoverageSpace } from './core/coverage.ts';
export type { Crs, GeoKeys } from './core/crs.ts';
export {
  AbortedError,
  ConfigError,
  type ErrorTag,
  EXIT,
  exitCodeOf,
  FormatError,
  FrustumError,
  isFrustumError,
  ModelError,
  ResourceError,
  SourceError,
  type TaggedError,
  TopologyError,
  UnsupportedError,
  WorkerError,
} from './core/errors.ts';
export type { Grid } from './core/grid.ts';
export { createPixelPlacer, isPlaced, type PixelPlacer } from './core/place-pixels.ts';
export type { ControlPoint, PolynomialOrder, PolynomialWarp } from './core/polynomial-warp.ts';
export type { ByteSource, ScenePixels, SourceStats, VectorSink } from './core/ports.ts';
export type { ClassRows, PixelBlock } from './core/raster.ts';
export type { Rpc, RpcWarp } from './core/rpc.ts';
export type { Warp } from './core/warp.ts';
export { intersectWindows, type Window } from './core/window.ts';
export { formatEvaluation } from './evaluate/format-evaluation.ts';
export type { Evaluation, ScoreOptions } from './evaluate/score.ts';
export type { SeamReport } from './evaluate/seams.ts';
export type { GeometryMode } from './frustum/geometry.ts';
export {
  type Frustum,
  type FrustumPlan,
  type FrustumPlanOptions,
  frustaOf,
  planFrusta,
} from './frustum/plan.ts';
export type { Sampling } from './frustum/read-frustum.ts';
export { selectFrusta } from './frustum/select-frusta.ts';
export { type OpenSourceOptions, openByteSource } from './io/open-source.ts';
export type { S3Options, SourceOptions } from './io/source-options.ts';
export { type JobStatus, openShards, readJobStatus, type ShardStanding } from './job/job-status.ts';
export { listScenes } from './job/list-scenes.ts';
export {
  incompleteError,
  type MergedScene,
  type MergeHooks,
  type MergeOptions,
  mergeJob,
} from './job/merge-job.ts';
export { type PlanJobHooks, type PlanJobOptions, planJob, type ShardSize } from './job/plan-job.ts';
export type { JobPlan } from './job/plan-schema.ts';
export { joinPlanUrl, type PlanUrl, splitPlanUrl } from './job/plan-url.ts';
export { type PriceTable, readPrices } from './job/prices.ts';
export {
  chooseShardIndex,
  locateModel,
  readJobPlan,
  type ShardOfPlan,
  shardOfPlan,
} from './job/read-plan.ts';
export {
  type FailedShard,
  type RunLocalHooks,
  type RunLocalOptions,
  type RunLocalReport,
  runLocal,
} from './job/run-local.ts';
export {
  type RunShardHooks,
  type RunShardOptions,
  type RunShardReport,
  runShard,
} from './job/run-shard.ts';
export type {
  JobAttempt,
  JobStanding,
  ShardJob,
  Submission,
  SubmissionStanding,
  SubmittedJob,
} from './job/submission.ts';
export { readSubmissionStanding, type SubmitPlanOptions, submitPlan } from './job/submit-plan.ts';
export { writePlan } from './job/write-plan.ts';
export type { ModelManifest } from './model/manifest.ts';
export { type Model, type ModelOptions, openModel } from './model/open-model.ts';
export type { Provider } from './model/protocol.ts';
export { readModelManifest } from './model/read-manifest.ts';
export type { Augmentation } from './pipeline/ask-network.ts';
export type { Quality, WindowChoice, WindowOptions } from './pipeline/choose-quality.ts';
export { chooseModel, type ModelChoice, type Weights } from './pipeline/choose-weights.ts';
export { type CollectOptions, type CollectReport, collectRuns } from './pipeline/collect-runs.ts';
export { type Pipeline, readPipeline } from './pipeline/config.ts';
export type { MemoryChoices, MemoryEstimate } from './pipeline/estimate-memory.ts';
export { type EvaluateOptions, evaluate } from './pipeline/evaluate.ts';
export { formatInspection } from './pipeline/format-inspection.ts';
export {
  type InspectOptions,
  inspectScene,
  type RunForecast,
  type SceneInspection,
} from './pipeline/inspect-scene.ts';
export { type MakePyramidOptions, makePyramid } from './pipeline/make-pyramid.ts';
export type { AreaChoice, AreaRecord } from './pipeline/plan-area.ts';
export type { MemoryRecord } from './pipeline/plan-memory.ts';
export type { PolygonOptions } from './pipeline/polygon-options.ts';
export { type PolygonizeOptions, type PolygonizeReport, polygonize } from './pipeline/polygonize.ts';
export type { PolygonizeMemoryRecord } from './pipeline/polygonize-memory.ts';
export {
  type QuantizeOptions,
  type QuantizeProgress,
  quantizeModel,
} from './pipeline/quantize/quantize-model.ts';
export { segment } from './pipeline/segment.ts';
export type { SegmentHooks, SegmentOptions } from './pipeline/segment-options.ts';
export type { ClassSummary, SegmentReport } from './pipeline/segment-report.ts';
export { type SynthesizeOptions, type SynthesizeResult, synthesize } from './pipeline/synthesize.ts';
export { FRUSTUM_VERSION } from './pipeline/version.ts';
export { BAND_PRESETS, type BandPreset } from './scene/band-presets.ts';
export type { Corner, SceneDescription } from './scene/describe-scene.ts';
export { type OpenSceneOptions, openScene, type Scene } from './scene/open-scene.ts';
export type { PlaceOptions } from './scene/place/place-options.ts';
export type { PlaceRecord } from './scene/place/place-record.ts';
export type { SceneFile } from './scene/scene-file.ts';
export type { SceneMetadata } from './scene/scene-metadata.ts';
export type { BandChoice } from './scene/select-bands.ts';
export type { Stretch } from './scene/stretch.ts';
export type { StretchRecord } from './scene/stretch-record.ts';
export type { StacCollection } from './sink/stac/collection.ts';
export type { StacItem } from './sink/stac/item.ts';
export { type QmlOptions, qmlForClasses } from './sink/style/qml.ts';
export { type SldOptions, sldForClasses } from './sink/style/sld.ts';
export { openVectorSink, VECTOR_FORMATS, type VectorFormat } from './sink/vector-formats.ts';
export type { VectorSinkOptions } from './sink/vector-sink-options.ts';
export type { Blend } from './stitch/ramp.ts';
export type { AffinityTable, Generalisation } from './vectorize/generalisation.ts';
export type { GeneralisationSummary } from './vectorize/generalise-coverage.ts';
export type { Simplification } from './vectorize/simplify-lines.ts';
export type { ClassTotal } from './vectorize/total-classes.ts';
export { type CoverageSummary, traceCoverage } from './vectorize/trace-coverage.ts';
