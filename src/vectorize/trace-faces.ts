import { NODATA_CLASS } from '../core/classes.ts';
import { TopologyError } from '../core/errors.ts';
import { ArcGraph } from './arc-graph.ts';
import { ArmPool, NONE } from './arm-pool.ts';
import type { Face } from './face.ts';
import { LabelForest } from './label-forest.ts';
import { orderRings } from './order-rings.ts';
import { assertAllPixels, ScanLine } from './scan-line.ts';

/** What a finished trace counted. */
export interface TraceCounts {
  readonly rows: number;
  /** Faces handed out. */
  readonly faces: number;
  /** Pixels of the faces handed out: all that are not nodata. */
  readonly validPixels: number;
  readonly nodataPixels: number;
  /** Most records that were alive together: what memory depends on, besides the width. */
  readonly peak: Readonly<Record<'arms' | 'blocks' | 'labels' | 'arcs' | 'nodes', number>>;
}

export interface FaceTracer {
  /**
   * Takes the next `rowCount` rows, `width` bytes each. Faces that end are handed to `onFace` before this returns. Rows
   * may come in blocks of any size: the faces, their order and their bytes are the same.
   * @param confidence one byte a pixel, or `null` to leave confidences out.
   * @throws TopologyError
   */
  pushRows(classes: Uint8Array, confidence: Uint8Array | null, rowCount: number): void;
  /**
   * Ends the raster: hands out all faces still open and checks that nothing is left over.
   * @throws TopologyError unless every pixel is accounted for exactly.
   */
  finish(): TraceCounts;
}

/**
 * Traces the 4-connected faces of a class raster in one pass over its rows.
 *
 * Pixels of class 255 are a class like any other, but their faces are not handed out.
 *
 * Time is linear in pixels plus breakpoints; memory is O(width) plus the borders of the faces that are still open.
 * @param onFace takes each face as soon as its last row is over, in order of that row and then of columns.
 */
export function createFaceTracer(width: number, onFace: (face: Face) => void): FaceTracer {
  return new Tracer(width, onFace);
}

class Tracer implements FaceTracer {
  private readonly onFace: (face: Face) => void;
  private readonly arms = new ArmPool();
  private readonly labels = new LabelForest();
  private readonly graph = new ArcGraph(this.arms, this.labels);
  private readonly line: ScanLine;
  private faces = 0;
  private validPixels = 0;
  private nodataPixels = 0;
  private readonly face = {
    id: 0,
    classId: 0,
    pixelCount: 0,
    confidenceSum: 0,
    leastConfidence: 0,
    touchesEdge: false,
    scale: 1,
    points: new Int32Array(1024),
    ringCount: 0,
    ringEnds: new Int32Array(16),
  };
  private readonly ordered = { points: this.face.points, ends: this.face.ringEnds };

  constructor(width: number, onFace: (face: Face) => void) {
    const { arms, labels, graph } = this;
    this.onFace = onFace;
    const closeFace = (root: number, classId: number) => this.closeFace(root, classId);
    this.line = new ScanLine({ width, arms, labels, graph, closeFace });
  }

  pushRows(classes: Uint8Array, confidence: Uint8Array | null, rowCount: number): void {
    this.line.pushRows(classes, confidence, rowCount);
  }

  finish(): TraceCounts {
    this.line.finish();
    this.graph.assertEmpty();
    const { faces, validPixels, nodataPixels } = this;
    const rows = this.line.y;
    assertAllPixels(validPixels + nodataPixels, this.line.width, rows);
    const peak = { ...this.arms.peak, labels: this.labels.peak, ...this.graph.peak };
    return { rows, faces, validPixels, nodataPixels, peak };
  }

  /** Hands out a face and forgets it. */
  private closeFace(root: number, classId: number): void {
    const count = this.labels.count[root]!;
    if (classId === NODATA_CLASS) {
      this.nodataPixels += count;
    } else {
      this.validPixels += count;
      this.emitFace(root, classId, count);
    }
    this.graph.releaseFace(root);
  }

  private emitFace(root: number, classId: number, pixelCount: number): void {
    const { face, labels, ordered } = this;
    const rings = this.graph.walkRings(root);
    const top = orderRings(rings, pixelCount, ordered);
    const id = labels.first[root]!;
    if (top.y * this.line.width + top.x !== id) {
      throw new TopologyError(
        `Polygon topology is broken: the shell of face ${id} begins at corner (${top.x}, ${top.y}). This is a defect in ` +
          'Frustum; please report it with the class raster.',
        { arc: NONE },
      );
    }
    face.id = id;
    face.classId = classId;
    face.pixelCount = pixelCount;
    face.confidenceSum = labels.confidence[root]!;
    face.leastConfidence = labels.least[root]!;
    face.touchesEdge = rings.touchesEdge;
    face.points = ordered.points;
    face.ringCount = rings.count;
    face.ringEnds = ordered.ends;
    this.faces++;
    this.onFace(face);
  }
}
