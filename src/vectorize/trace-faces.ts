import { NODATA_CLASS } from '../core/classes.ts';
import { TopologyError } from '../core/errors.ts';
import { ArcGraph, EAST, NORTH, SOUTH, WEST } from './arc-graph.ts';
import { ArmPool, DOWN, NONE, RIGHT } from './arm-pool.ts';
import type { Face } from './face.ts';
import { LabelForest, OUTSIDE } from './label-forest.ts';
import { orderRings } from './order-rings.ts';
import { BEYOND, createRow, OUTSIDE_CLASS, type Row, scanRuns } from './scan-runs.ts';

const NO_BYTES = new Uint8Array(0);

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
 * The scan line keeps, for each column, the border that grows down through it. Where a row's breakpoints (changes of
 * class) or those of the row above stand, borders bend, join or cross; nothing can happen elsewhere. Outside the raster
 * is a pseudo-class of its own, so that the frame is border like any other. Pixels of class 255 are a class like any
 * other too, but their faces are not handed out.
 *
 * Time is linear in pixels plus breakpoints; memory is O(width) plus the borders of the faces that are still open.
 * @param onFace takes each face as soon as its last row is over, in order of that row and then of columns.
 */
export function createFaceTracer(width: number, onFace: (face: Face) => void): FaceTracer {
  return new Tracer(width, onFace);
}

class Tracer implements FaceTracer {
  private readonly width: number;
  private readonly onFace: (face: Face) => void;
  private readonly arms = new ArmPool();
  private readonly labels = new LabelForest();
  private readonly graph = new ArcGraph(this.arms, this.labels);
  /** The arm that grows down along each corner column. */
  private readonly columns: Int32Array;
  private above: Row;
  private here: Row;
  private y = 0;
  private finished = false;
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
    points: new Int32Array(1024),
    ringCount: 0,
    ringEnds: new Int32Array(16),
  };
  private readonly ordered = { points: this.face.points, ends: this.face.ringEnds };

  constructor(width: number, onFace: (face: Face) => void) {
    if (!Number.isInteger(width) || width < 1)
      throw new RangeError(`width must be a positive integer, got ${width}`);
    this.width = width;
    this.onFace = onFace;
    this.columns = new Int32Array(width + 1).fill(NONE);
    this.above = createRow(width);
    this.here = createRow(width);
  }

  pushRows(classes: Uint8Array, confidence: Uint8Array | null, rowCount: number): void {
    const { width } = this;
    const pixels = rowCount * width;
    if (this.finished) throw new RangeError('rows were pushed after finish()');
    if (classes.length < pixels || (confidence !== null && confidence.length < pixels)) {
      throw new RangeError(`${rowCount} rows of ${width} pixels need ${pixels} bytes, got ${classes.length}`);
    }
    for (let row = 0; row < rowCount; row++) {
      scanRuns(classes, row * width, width, this.here);
      this.labelRuns(confidence, row * width);
      this.nextRow();
    }
  }

  finish(): TraceCounts {
    if (this.finished) throw new RangeError('finish() was called twice');
    this.finished = true;
    const rows = this.y;
    scanRuns(NO_BYTES, 0, 0, this.here);
    this.nextRow();
    this.arms.assertEmpty();
    this.labels.assertEmpty();
    this.graph.assertEmpty();
    const { faces, validPixels, nodataPixels } = this;
    if (validPixels + nodataPixels !== rows * this.width) {
      throw new TopologyError(
        `Polygons hold ${validPixels + nodataPixels} of the raster's ${rows * this.width} pixels. This is a defect in ` +
          'Frustum; please report it with the class raster.',
        { arc: NONE },
      );
    }
    const peak = { ...this.arms.peak, labels: this.labels.peak, ...this.graph.peak };
    return { rows, faces, validPixels, nodataPixels, peak };
  }

  private nextRow(): void {
    this.joinCorners();
    this.closeFaces();
    const { above } = this;
    this.above = this.here;
    this.here = above;
    this.y++;
  }

  /** Gives each run of the new row the label of the faces above that it continues, merging them, or a new one. */
  private labelRuns(confidence: Uint8Array | null, offset: number): void {
    const { labels, y } = this;
    const above = this.above;
    const here = this.here;
    const firstPixel = y * this.width;
    let i = 0;
    for (let j = 0; j < here.count; j++) {
      const from = here.starts[j]!;
      const to = here.starts[j + 1]!;
      const cls = here.classes[j]!;
      let label = NONE;
      // Runs above that overlap this one; the last may overlap the next run as well.
      while (i < above.count && above.starts[i + 1]! <= from) i++;
      for (let k = i; k < above.count && above.starts[k]! < to; k++) {
        if (above.classes[k] !== cls) continue;
        const root = labels.find(above.labels[k]!);
        label = label === NONE ? root : labels.union(label, root, this.graph.halfNext);
      }
      if (label === NONE) label = labels.open(firstPixel + from);
      here.labels[j] = label;
      labels.lastRow[label] = y;
      labels.count[label]! += to - from;
      if (confidence !== null) {
        let sum = 0;
        let least = labels.least[label]!;
        for (let p = offset + from; p < offset + to; p++) {
          const c = confidence[p]!;
          sum += c;
          if (c < least) least = c;
        }
        labels.confidence[label]! += sum;
        labels.least[label] = least;
      }
    }
  }

  /** Goes along the line of corners between the row above and the new one, and grows, bends, joins and ties arms. */
  private joinCorners(): void {
    const { arms, graph, columns, y } = this;
    const { starts: aboveStarts, classes: aboveClasses, labels: aboveLabels } = this.above;
    const { starts: hereStarts, classes: hereClasses, labels: hereLabels } = this.here;
    let i = 0;
    let j = 0;
    let aboveClass = OUTSIDE_CLASS;
    let hereClass = OUTSIDE_CLASS;
    let aboveLabel = OUTSIDE;
    let hereLabel = OUTSIDE;
    let carry = NONE; // the arm that grows right along this line
    for (;;) {
      const nextAbove = aboveStarts[i]!;
      const nextHere = hereStarts[j]!;
      const x = Math.min(nextAbove, nextHere);
      if (x === BEYOND) break;
      const left = aboveClass === hereClass ? 0 : 1;
      const westLabel = hereLabel;
      let up = 0;
      let down = 0;
      if (nextAbove === x) {
        up = 1;
        aboveClass = aboveClasses[i]!;
        aboveLabel = aboveLabels[i]!;
        i++;
      }
      if (nextHere === x) {
        down = 1;
        hereClass = hereClasses[j]!;
        hereLabel = hereLabels[j]!;
        j++;
      }
      const right = aboveClass === hereClass ? 0 : 1;
      switch (up | (down << 1) | (left << 2) | (right << 3)) {
        case 0b0011: // straight down
        case 0b1100: // straight on
          break;
        case 0b1001: // from above to the right
          carry = columns[x]!;
          arms.turn(carry, y, x);
          break;
        case 0b0110: // from the left downwards
          arms.turn(carry, x, y);
          columns[x] = carry;
          break;
        case 0b1010: {
          // A top-left bend: two arms begin.
          const south = arms.open(x, y, DOWN, hereLabel, westLabel);
          const east = arms.open(x, y, RIGHT, aboveLabel, hereLabel);
          arms.linkStarts(south, east);
          columns[x] = south;
          carry = east;
          break;
        }
        case 0b0101: // A bottom-right bend: two arms meet.
          arms.turn(carry, x, y);
          arms.turn(columns[x]!, y, x);
          graph.meet(carry, columns[x]!);
          break;
        default: {
          const node = graph.openNode(left, up, right, down);
          if (left === 1) {
            arms.turn(carry, x, y);
            graph.endAt(carry, node + WEST);
          }
          if (up === 1) {
            arms.turn(columns[x]!, y, x);
            graph.endAt(columns[x]!, node + NORTH);
          }
          if (right === 1) {
            carry = arms.open(x, y, RIGHT, aboveLabel, hereLabel);
            arms.tie(2 * carry, node + EAST);
          }
          if (down === 1) {
            const south = arms.open(x, y, DOWN, hereLabel, westLabel);
            arms.tie(2 * south, node + SOUTH);
            columns[x] = south;
          }
        }
      }
    }
  }

  /** Hands out and forgets each face of the row above that did not reach the new row: its border is complete. */
  private closeFaces(): void {
    const { labels, graph, y } = this;
    const { above } = this;
    for (let i = 0; i < above.count; i++) {
      const root = labels.find(above.labels[i]!);
      if (labels.lastRow[root]! >= y) continue;
      const count = labels.count[root]!;
      if (above.classes[i] === NODATA_CLASS) {
        this.nodataPixels += count;
      } else {
        this.validPixels += count;
        this.emitFace(root, above.classes[i]!, count);
      }
      graph.releaseFace(root);
      labels.close(root);
    }
  }

  private emitFace(root: number, classId: number, pixelCount: number): void {
    const { face, labels, ordered } = this;
    const rings = this.graph.walkRings(root);
    const top = orderRings(rings, pixelCount, ordered);
    const id = labels.first[root]!;
    if (top.y * this.width + top.x !== id) {
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
