import { type LandCoverClass, NODATA_CLASS } from '../core/classes.ts';
import { type CoverageFeature, type CoverageSpace, coverageSpace } from '../core/coverage.ts';
import type { Grid } from '../core/grid.ts';
import { createRingAssembler } from './assemble-rings.ts';
import type { CoverageGraph } from './coverage-graph.ts';
import { listDiagonals } from './diagonals.ts';
import type { Face } from './face.ts';
import { type Generalisation, type GeneralisationPlan, planGeneralisation } from './generalisation.ts';
import { joinLines, type Lines } from './join-lines.ts';
import { exactShapes, type ShapeList, SUBPIXELS } from './line-shapes.ts';
import { createFeatureMaker } from './make-features.ts';
import { assertRegionAreas } from './measure-lines.ts';
import { mergeRegions, type Regions } from './merge-regions.ts';
import { orderRings } from './order-rings.ts';
import { createFaceShaper, type FaceShape, mergeShapes } from './shape-face.ts';
import { sieveFaces } from './sieve.ts';
import { drawSievedRows } from './sieved-rows.ts';
import { simplifyLines } from './simplify-lines.ts';
import { smoothLines } from './smooth-lines.ts';
import type { CoverageSummary } from './trace-coverage.ts';
import { createGraphTracer } from './trace-graph.ts';

/** What generalising did. */
export interface GeneralisationSummary {
  /** Areas of one class before, and features after. */
  readonly facesBefore: number;
  readonly features: number;
  /** Pixels whose area was merged into one of another class. */
  readonly pixelsMerged: number;
  /** Features that stayed below the minimum mapping unit, with nodata all round. */
  readonly belowMmu: number;
  /** Points of shared borders, as traced and as drawn. */
  readonly pointsBefore: number;
  readonly pointsAfter: number;
}

/** A coverage whose every border is known: its features can be taken one by one. */
export interface GeneralisedCoverage {
  /** Features in order of their ids; for each one an array with one feature a space. To be called once. */
  features(): Generator<readonly CoverageFeature[]>;
  /** The class raster that the regions are, row by row; one buffer serves all rows. */
  rows(): Generator<Uint8Array>;
  /** Complete when all features were taken. */
  summary(): CoverageSummary & { readonly generalisation: GeneralisationSummary };
}

export interface CoverageGeneraliser {
  /**
   * Takes the next rows, in blocks of any size.
   * @throws UnsupportedError as soon as the borders would pass their memory limit; TopologyError
   */
  pushRows(classes: Uint8Array, confidence: Uint8Array | null, rowCount: number): void;
  /** @throws TopologyError */
  finish(): GeneralisedCoverage;
}

/**
 * Class rows to a generalised coverage: trace all borders, sieve, join, simplify once for both sides, assemble. Memory
 * grows with the borders, not with the pixels.
 * @throws ConfigError for values out of range; UnsupportedError for a CRS without a known way to a space
 */
export function createCoverageGeneraliser(options: GeneraliseOptions): CoverageGeneraliser {
  const { grid, generalisation } = options;
  const plan = planGeneralisation(grid, generalisation);
  const { maxGraphBytes } = generalisation;
  // Before the first row, so that a space without a way to it is told at once.
  const shapeFace = createFaceShaper(grid, options.spaces ?? [coverageSpace(grid)], scaleOf(generalisation));
  const tracer = createGraphTracer({
    width: grid.width,
    ...(plan.weights && { weights: plan.weights }),
    ...(maxGraphBytes !== undefined && { maxBytes: maxGraphBytes }),
  });
  return {
    pushRows: (rows, confidence, rowCount) => tracer.pushRows(rows, confidence, rowCount),
    finish() {
      const graph = tracer.finish();
      if (graph.height !== grid.height) {
        throw new RangeError(`expected ${grid.height} rows of the grid, got ${graph.height}`);
      }
      return generaliseGraph(graph, options, plan, shapeFace);
    },
  };
}

export interface GeneraliseOptions {
  readonly grid: Grid;
  readonly classes: readonly LandCoverClass[];
  readonly generalisation: Generalisation;
  /** What coordinates features get; one unless told: longitude and latitude, or pixels without georeferencing. */
  readonly spaces?: readonly CoverageSpace[];
}

const redraws = ({ simplify, smooth = 0 }: Generalisation) => simplify !== undefined || smooth > 0;
const scaleOf = (generalisation: Generalisation) => (redraws(generalisation) ? SUBPIXELS : 1);

/**
 * Generalises a coverage whose borders are all known.
 * @param shapeFace makes geometries of points in parts of a pixel: `SUBPIXELS` where borders are redrawn, else 1
 * @throws TopologyError
 */
export function generaliseGraph(
  graph: CoverageGraph,
  { grid, classes, generalisation }: GeneraliseOptions,
  { ground, minSize }: GeneralisationPlan,
  shapeFace: (face: Face) => FaceShape,
): GeneralisedCoverage {
  const { connectedness = 4, affinity, simplify, smooth = 0 } = generalisation;
  const diagonals = connectedness === 8 ? listDiagonals(graph) : new Int32Array(0);
  const sieved =
    minSize > 0
      ? sieveFaces(graph, {
          minSize,
          diagonals,
          ...(affinity && { affinity: (from, to) => affinity[from]?.[to] ?? 1 }),
        })
      : graph.faces.classId;
  const regions = mergeRegions(graph, sieved, diagonals);
  const lines = joinLines(graph, regions);
  const pointsBefore = assertRegionAreas(lines, regions);
  const simplified = simplify === undefined ? null : simplifyLines(lines, ground, simplify);
  const smoothed = smooth > 0 ? smoothLines(lines, simplified ?? exactShapes(lines), smooth) : null;
  const drawn = smoothed ?? simplified;
  const maker = createFeatureMaker(classes);
  let count = 0;
  let belowMmu = 0;
  return {
    *features() {
      const shapeRegion = createRegionShaper(lines, regions, drawn, shapeFace);
      for (const members of listFeatures(regions)) {
        const facts = addUp(regions, members, graph.hasConfidence, minSize);
        count++;
        if (facts.belowMmu) belowMmu++;
        yield maker.make(facts, mergeShapes(members.map(shapeRegion)));
      }
    },
    rows: () => drawSievedRows(lines, regions),
    summary() {
      const { faces, arcs, nodes } = graph;
      let nodataPixels = 0;
      let pixelsMerged = 0;
      let facesBefore = 0;
      for (let f = 0; f < faces.count; f++) {
        if (faces.classId[f] === NODATA_CLASS) nodataPixels += faces.pixelCount[f]!;
        else facesBefore++;
        if (sieved[f] !== faces.classId[f]) pixelsMerged += faces.pixelCount[f]!;
      }
      const pointsAfter = drawn?.size ?? pointsBefore;
      return {
        rows: grid.height,
        faces: count,
        validPixels: grid.width * grid.height - nodataPixels,
        nodataPixels,
        peak: { arms: 0, blocks: 0, labels: faces.count, arcs: arcs.count, nodes: nodes.count },
        classes: maker.totals(),
        generalisation: { facesBefore, features: count, pixelsMerged, belowMmu, pointsBefore, pointsAfter },
      };
    },
  };
}

/** The regions of each feature, by the first pixel of its first one; nodata is none. */
function* listFeatures(regions: Regions): Generator<readonly number[]> {
  const { count, feature, classId } = regions;
  const next = new Int32Array(count).fill(-1);
  const last = Int32Array.from({ length: count }, (_, r) => r);
  for (let r = 0; r < count; r++) {
    const first = feature[r]!;
    if (first === r) continue;
    next[last[first]!] = r;
    last[first] = r;
  }
  for (let r = 0; r < count; r++) {
    if (feature[r] !== r || classId[r] === NODATA_CLASS) continue;
    const members: number[] = [];
    for (let m = r; m !== -1; m = next[m]!) members.push(m);
    yield members;
  }
}

function addUp(regions: Regions, members: readonly number[], hasConfidence: boolean, minSize: number) {
  const sum = (values: Float64Array) => members.reduce((n, r) => n + values[r]!, 0);
  const first = members[0]!;
  return {
    id: regions.first[first]!,
    classId: regions.classId[first]!,
    pixelCount: sum(regions.pixelCount),
    confidenceSum: hasConfidence ? sum(regions.confidenceSum) : null,
    leastConfidence: members.reduce((least, r) => Math.min(least, regions.leastConfidence[r]!), 256),
    touchesEdge: members.some((r) => regions.touchesEdge[r] === 1),
    belowMmu: sum(regions.size) < minSize,
  };
}

function createRegionShaper(
  lines: Lines,
  regions: Regions,
  drawn: ShapeList | null,
  shapeFace: (face: Face) => FaceShape,
): (region: number) => FaceShape {
  const shapes = drawn ?? exactShapes(lines);
  const scale = drawn === null ? 1 : SUBPIXELS;
  const assembler = createRingAssembler(lines, shapes, regions.count, scale / shapes.scale);
  const ordered = { points: new Int32Array(1024), ends: new Int32Array(16) };
  const face = {
    id: 0,
    classId: 0,
    pixelCount: 0,
    confidenceSum: 0,
    leastConfidence: 0,
    touchesEdge: false,
    scale,
    points: ordered.points,
    ringCount: 0,
    ringEnds: ordered.ends,
  };
  return (region) => {
    const rings = assembler.assemble(region);
    orderRings(rings, drawn === null ? regions.pixelCount[region]! : null, ordered);
    face.id = regions.first[region]!;
    face.classId = regions.classId[region]!;
    face.pixelCount = regions.pixelCount[region]!;
    face.points = ordered.points;
    face.ringCount = rings.count;
    face.ringEnds = ordered.ends;
    return shapeFace(face);
  };
}
