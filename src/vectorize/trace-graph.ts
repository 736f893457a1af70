import { ArmPool } from './arm-pool.ts';
import { ArcCollector } from './collect-arcs.ts';
import type { CoverageGraph, GraphFaces } from './coverage-graph.ts';
import { DEFAULT_GRAPH_BYTES, GraphBudget } from './graph-budget.ts';
import { grow } from './grow.ts';
import { LabelForest } from './label-forest.ts';
import { assertAllPixels, ScanLine } from './scan-line.ts';

export interface GraphTracer {
  /**
   * Takes the next rows, in blocks of any size.
   * @param confidence one byte a pixel, or `null` for none; the same choice for all rows.
   * @throws UnsupportedError as soon as the graph would pass its limit; TopologyError
   */
  pushRows(classes: Uint8Array, confidence: Uint8Array | null, rowCount: number): void;
  /** @throws TopologyError unless the faces hold every pixel exactly once. */
  finish(): CoverageGraph;
}

/**
 * Traces a class raster into the graph of all its borders, in one pass over its rows.
 * @param options.weights what a pixel of each row adds to the size of its face; 1 unless told.
 * @param options.maxBytes what the graph may take; {@link DEFAULT_GRAPH_BYTES} unless told.
 */
export function createGraphTracer(options: {
  readonly width: number;
  readonly weights?: Float64Array;
  readonly maxBytes?: number;
}): GraphTracer {
  const { width, weights, maxBytes = DEFAULT_GRAPH_BYTES } = options;
  const arms = new ArmPool();
  const labels = new LabelForest();
  const budget = new GraphBudget(maxBytes);
  const graph = new ArcCollector(arms, labels, budget);
  const faces = new FaceList(budget);
  const closeFace = (root: number, classId: number) => {
    graph.nameFace(root, faces.add(labels, root, classId, weights !== undefined));
  };
  const line = new ScanLine({ width, arms, labels, graph, closeFace, ...(weights && { weights }) });
  let hasConfidence = false;
  return {
    pushRows(classes, confidence, rowCount) {
      hasConfidence = confidence !== null;
      line.pushRows(classes, confidence, rowCount);
    },
    finish() {
      line.finish();
      const list = faces.take();
      let pixels = 0;
      for (let f = 0; f < list.count; f++) pixels += list.pixelCount[f]!;
      assertAllPixels(pixels, width, line.y);
      return { width, height: line.y, faces: list, hasConfidence, ...graph.take() };
    },
  };
}

const BYTES_PER_FACE = 37;

class FaceList {
  private count = 0;
  private classId = new Uint8Array(64);
  private pixelCount = new Float64Array(64);
  private size = new Float64Array(64);
  private first = new Float64Array(64);
  private confidenceSum = new Float64Array(64);
  private leastConfidence = new Int32Array(64);
  private readonly budget: GraphBudget;

  constructor(budget: GraphBudget) {
    this.budget = budget;
  }

  add(labels: LabelForest, root: number, classId: number, weighted: boolean): number {
    const face = this.count++;
    if (this.count > this.classId.length) this.growAll();
    this.classId[face] = classId;
    this.pixelCount[face] = labels.count[root]!;
    this.size[face] = weighted ? labels.size[root]! : labels.count[root]!;
    this.first[face] = labels.first[root]!;
    this.confidenceSum[face] = labels.confidence[root]!;
    this.leastConfidence[face] = labels.least[root]!;
    return face;
  }

  take(): GraphFaces {
    const { count, classId, pixelCount, size, first, confidenceSum, leastConfidence } = this;
    return { count, classId, pixelCount, size, first, confidenceSum, leastConfidence };
  }

  private growAll(): void {
    this.budget.claim(BYTES_PER_FACE * this.count);
    this.classId = grow(this.classId, this.count);
    this.pixelCount = grow(this.pixelCount, this.count);
    this.size = grow(this.size, this.count);
    this.first = grow(this.first, this.count);
    this.confidenceSum = grow(this.confidenceSum, this.count);
    this.leastConfidence = grow(this.leastConfidence, this.count);
  }
}
