import { TopologyError } from '../core/errors.ts';
import { type ArcBuilder, EAST, NORTH, SOUTH, WEST } from './arc-builder.ts';
import { type ArmPool, DOWN, NONE, RIGHT } from './arm-pool.ts';
import { type LabelForest, OUTSIDE } from './label-forest.ts';
import { BEYOND, createRow, OUTSIDE_CLASS, type Row, scanRuns } from './scan-runs.ts';

const NO_BYTES = new Uint8Array(0);

/**
 * The scan line of the tracer: row by row it labels faces and grows the border that runs down through each column. Where
 * a row's breakpoints (changes of class) or those of the row above stand, borders bend, join or cross; nothing can happen
 * elsewhere. Outside the raster is a pseudo-class of its own, so that the frame is border like any other.
 */
export class ScanLine {
  readonly width: number;
  /** Rows taken so far. */
  y = 0;
  private readonly arms: ArmPool;
  private readonly labels: LabelForest;
  private readonly graph: ArcBuilder;
  /** Takes each face (a root label) once its border is complete, in order of its last row, then of columns. */
  private readonly closeFace: (root: number, classId: number) => void;
  private readonly weights: Float64Array | null;
  /** The arm that grows down along each corner column. */
  private readonly columns: Int32Array;
  private above: Row;
  private here: Row;
  private finished = false;

  /** @param options.weights what a pixel of each row adds to its face's size; sizes are not kept without. */
  constructor(options: {
    readonly width: number;
    readonly arms: ArmPool;
    readonly labels: LabelForest;
    readonly graph: ArcBuilder;
    readonly weights?: Float64Array;
    readonly closeFace: (root: number, classId: number) => void;
  }) {
    const { width } = options;
    if (!Number.isInteger(width) || width < 1)
      throw new RangeError(`width must be a positive integer, got ${width}`);
    this.width = width;
    this.arms = options.arms;
    this.labels = options.labels;
    this.graph = options.graph;
    this.weights = options.weights ?? null;
    this.closeFace = options.closeFace;
    this.columns = new Int32Array(width + 1).fill(NONE);
    this.above = createRow(width);
    this.here = createRow(width);
  }

  /** Takes the next rows. @throws TopologyError */
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

  /**
   * Ends the raster: closes all faces still open, and checks that no border or label is left over.
   * @throws TopologyError
   */
  finish(): void {
    if (this.finished) throw new RangeError('finish() was called twice');
    this.finished = true;
    scanRuns(NO_BYTES, 0, 0, this.here);
    this.nextRow();
    this.y--;
    this.arms.assertEmpty();
    this.labels.assertEmpty();
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
    const { labels, weights, y } = this;
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
      if (weights !== null) labels.size[label]! += (to - from) * weights[y]!;
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
          const node = graph.openNode(left, up, right, down, x, y);
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

  /** Closes each face of the row above that did not reach the new row: its border is complete. */
  private closeFaces(): void {
    const { labels, above, y } = this;
    for (let i = 0; i < above.count; i++) {
      const root = labels.find(above.labels[i]!);
      if (labels.lastRow[root]! >= y) continue;
      this.closeFace(root, above.classes[i]!);
      labels.close(root);
    }
  }
}

/** @throws TopologyError unless all of a raster's pixels were counted. */
export function assertAllPixels(counted: number, width: number, rows: number): void {
  if (counted === rows * width) return;
  throw new TopologyError(
    `Polygons hold ${counted} of the raster's ${rows * width} pixels. This is a defect in Frustum; please report it ` +
      'with the class raster.',
    { arc: NONE },
  );
}
