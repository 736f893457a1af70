/**
 * Frustum's public API. Everything else is internal and may change at any time.
 */

export { type ConvertOptions, type ConvertProgress, convertCheckpoint } from './convert/convert.ts';
export { type Affine, applyAffine, invertAffine, pixelDeterminant, scaleAffine } from './core/affine.ts';
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
  SourceError,
  type TaggedError,
  TopologyError,
  UnsupportedError,
  WorkerError,
} from './core/errors.ts';
export type { Grid } from './core/grid.ts';
export type { ByteSource, ScenePixels, VectorSink } from './core/ports.ts';
export type { ClassRows, PixelBlock } from './core/raster.ts';
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
export type { ModelManifest } from './model/manifest.ts';
export { type Model, type ModelOptions, openModel } from './model/open-model.ts';
export type { Provider } from './model/protocol.ts';
export { readModelManifest } from './model/read-manifest.ts';
export { type CollectOptions, type CollectReport, collectRuns } from './pipeline/collect-runs.ts';
export { type Pipeline, readPipeline } from './pipeline/config.ts';
export { type EvaluateOptions, evaluate } from './pipeline/evaluate.ts';
export { type MakePyramidOptions, makePyramid } from './pipeline/make-pyramid.ts';
export type { PolygonOptions } from './pipeline/polygon-options.ts';
export { type PolygonizeOptions, type PolygonizeReport, polygonize } from './pipeline/polygonize.ts';
export { segment } from './pipeline/segment.ts';
export type { SegmentHooks, SegmentOptions } from './pipeline/segment-options.ts';
export type { ClassSummary, SegmentReport } from './pipeline/segment-report.ts';
export { type SynthesizeOptions, type SynthesizeResult, synthesize } from './pipeline/synthesize.ts';
export { FRUSTUM_VERSION } from './pipeline/version.ts';
export { type OpenSceneOptions, openScene, type Scene } from './scene/open-scene.ts';
export type { BandChoice } from './scene/select-bands.ts';
export type { Stretch } from './scene/stretch.ts';
export type { StacCollection } from './sink/stac/collection.ts';
export type { StacItem } from './sink/stac/item.ts';
export { type QmlOptions, qmlForClasses } from './sink/style/qml.ts';
export { type SldOptions, sldForClasses } from './sink/style/sld.ts';
export { openVectorSink, VECTOR_FORMATS, type VectorFormat } from './sink/vector-formats.ts';
export type { VectorSinkOptions } from './sink/vector-sink-options.ts';
export type { AffinityTable, Generalisation } from './vectorize/generalisation.ts';
export type { GeneralisationSummary } from './vectorize/generalise-coverage.ts';
export type { Simplification } from './vectorize/simplify-lines.ts';
export type { ClassTotal } from './vectorize/total-classes.ts';
export { type CoverageSummary, traceCoverage } from './vectorize/trace-coverage.ts';
