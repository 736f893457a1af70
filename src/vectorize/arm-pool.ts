import { TopologyError } from '../core/errors.ts';
import { grow } from './grow.ts';

/** First direction of an arm. */
export const DOWN = 1;
export const RIGHT = 0;

// An arm's record: 16 int32 fields, one cache line.
const SHIFT = 4;
const START_X = 0;
const START_Y = 1;
const AXIS = 2; // DOWN or RIGHT: the first run
const LAST = 3; // where the growing run began: y if it grows down, x if it grows right
const RUNS = 4; // finished runs
const HEAD = 5; // first block of the chain
const TAIL = 6; // byte position after the last run
const LEFT = 7; // label on the left of travel from the start
const RIGHT_LABEL = 8;
const START_LINK = 9; // the arm that starts at the same bend, or NONE at a node; chains free arms
const END_LINK = 10; // the arm that ends at the same bend, or NONE at a node
const FAR = 11; // + end: the other end of the path this end belongs to
const SLOT = 13; // + end: the node slot this end is tied to, or NONE

// A block of a chain: 12 bytes of runs, then the number of the next block.
const BLOCK_SHIFT = 4;
const BLOCK_PAYLOAD = 12;

export const NONE = -1;

/**
 * Arms: the pieces of border that the scan line grows. An open piece can only ever grow down or right, so an arm is a
 * strictly alternating chain of positive runs down and right from its start. It is kept as unsigned LEB128 runs
 * (mostly one byte a vertex) in 16-byte blocks.
 *
 * An arm has two *ends*: `2*arm` where it starts, `2*arm + 1` where it grows. Arms join into *paths* at bends where two
 * of them start or end together; {@link far} of a path's end is its other end.
 */
export class ArmPool {
  private records = new Int32Array(64 << SHIFT);
  private usedArms = 0;
  private freeArm = NONE;
  private bytes = new Uint8Array(64 << BLOCK_SHIFT);
  private nextBlock = new Int32Array(this.bytes.buffer);
  private usedBlocks = 0;
  private freeBlock = NONE;

  /** Most arms and blocks that were ever alive together. */
  get peak(): { arms: number; blocks: number } {
    return { arms: this.usedArms, blocks: this.usedBlocks };
  }

  /** A new arm from corner (x, y), growing along `axis`, with these labels on the left and right of travel. */
  open(x: number, y: number, axis: number, left: number, right: number): number {
    let arm = this.freeArm;
    if (arm === NONE) {
      arm = this.usedArms++;
      if (this.usedArms * 16 > this.records.length) this.records = grow(this.records, this.usedArms * 16);
    } else {
      this.freeArm = this.records[(arm << SHIFT) + START_LINK]!;
    }
    const block = this.takeBlock();
    const r = this.records;
    const o = arm << SHIFT;
    r[o + START_X] = x;
    r[o + START_Y] = y;
    r[o + AXIS] = axis;
    r[o + LAST] = axis === DOWN ? y : x;
    r[o + RUNS] = 0;
    r[o + HEAD] = block;
    r[o + TAIL] = block << BLOCK_SHIFT;
    r[o + LEFT] = left;
    r[o + RIGHT_LABEL] = right;
    r[o + START_LINK] = NONE;
    r[o + END_LINK] = NONE;
    r[o + FAR] = 2 * arm + 1;
    r[o + FAR + 1] = 2 * arm;
    r[o + SLOT] = NONE;
    r[o + SLOT + 1] = NONE;
    return arm;
  }

  /** Ends the growing run at coordinate `at`; the next one, if any, begins at `from` on the other axis. */
  turn(arm: number, at: number, from: number): void {
    const r = this.records;
    const o = arm << SHIFT;
    let run = at - r[o + LAST]!;
    let p = r[o + TAIL]!;
    r[o + LAST] = from;
    r[o + RUNS]!++;
    while (run > 127) {
      p = this.putByte(p, (run & 127) | 128);
      run >>>= 7;
    }
    this.records[o + TAIL] = this.putByte(p, run);
  }

  /** Two new arms start at one bend: they are one path. */
  linkStarts(p: number, q: number): void {
    const r = this.records;
    const po = p << SHIFT;
    const qo = q << SHIFT;
    r[po + START_LINK] = q;
    r[qo + START_LINK] = p;
    r[po + FAR + 1] = 2 * q + 1;
    r[qo + FAR + 1] = 2 * p + 1;
  }

  /**
   * Two arms end at one bend: their paths become one.
   * @returns true if they were the two ends of one path: a loop without nodes. It is left open at this bend.
   */
  linkEnds(p: number, q: number): boolean {
    const pFar = this.far(2 * p + 1);
    const qFar = this.far(2 * q + 1);
    if (pFar === 2 * q + 1) return true;
    this.records[(p << SHIFT) + END_LINK] = q;
    this.records[(q << SHIFT) + END_LINK] = p;
    this.setFar(pFar, qFar);
    this.setFar(qFar, pFar);
    return false;
  }

  /** The other end of the path that `end` is an end of. */
  far(end: number): number {
    return this.records[((end >> 1) << SHIFT) + FAR + (end & 1)]!;
  }

  private setFar(end: number, far: number): void {
    this.records[((end >> 1) << SHIFT) + FAR + (end & 1)] = far;
  }

  /** The node slot that `end` is tied to, or {@link NONE}. */
  slot(end: number): number {
    return this.records[((end >> 1) << SHIFT) + SLOT + (end & 1)]!;
  }

  tie(end: number, slot: number): void {
    this.records[((end >> 1) << SHIFT) + SLOT + (end & 1)] = slot;
  }

  /** The label on the left of one who leaves from `end` along its arm. */
  leftOf(end: number): number {
    return this.records[((end >> 1) << SHIFT) + LEFT + (end & 1)]!;
  }

  /** Points that {@link decode} writes: all of the arm's vertices but the last one reached. */
  runs(end: number): number {
    return this.records[((end >> 1) << SHIFT) + RUNS]!;
  }

  /** The end from which a walk goes on after the whole arm of `end`, or {@link NONE} where its path ends. */
  next(end: number): number {
    const backward = end & 1;
    const link = this.records[((end >> 1) << SHIFT) + (backward ? START_LINK : END_LINK)]!;
    return link === NONE ? NONE : 2 * link + (backward ? 0 : 1);
  }

  /**
   * Writes the arm's vertices as one meets them walking from `end`, without the last, as x, y from `out[at]`.
   * @returns minus the sum of x*dy over the arm's vertical edges in walking direction: its part of the ring's area
   *   (rows count down, so counter-clockwise on a north-up image is positive).
   */
  decode(end: number, out: Int32Array, at: number): number {
    const r = this.records;
    const bytes = this.bytes;
    const o = (end >> 1) << SHIFT;
    const runs = r[o + RUNS]!;
    const backward = (end & 1) === 1;
    let x = r[o + START_X]!;
    let y = r[o + START_Y]!;
    let down = r[o + AXIS] === DOWN;
    let p = r[o + HEAD]! << BLOCK_SHIFT;
    let k = backward ? at + 2 * (runs - 1) : at;
    const step = backward ? -2 : 2;
    let area = 0;
    for (let i = 0; i < runs; i++) {
      let byte = bytes[p++]!;
      if ((p & 15) === BLOCK_PAYLOAD) p = this.nextBlock[p >> 2]! << BLOCK_SHIFT;
      let run = byte & 127;
      for (let shift = 7; byte > 127; shift += 7) {
        byte = bytes[p++]!;
        if ((p & 15) === BLOCK_PAYLOAD) p = this.nextBlock[p >> 2]! << BLOCK_SHIFT;
        run |= (byte & 127) << shift;
      }
      if (!backward) {
        out[k] = x;
        out[k + 1] = y;
      }
      if (down) {
        area -= x * run;
        y += run;
      } else {
        x += run;
      }
      if (backward) {
        out[k] = x;
        out[k + 1] = y;
      }
      k += step;
      down = !down;
    }
    return backward ? -area : area;
  }

  /** Gives back all arms and blocks of the path that begins at `end`. */
  freePath(end: number): void {
    const r = this.records;
    for (let e = end; e !== NONE; ) {
      const next = this.next(e);
      const arm = e >> 1;
      const o = arm << SHIFT;
      // The chain's last block: TAIL stands behind the last byte, which may be the block's end.
      this.nextBlock[((r[o + TAIL]! - 1) >> 2) | 3] = this.freeBlock;
      this.freeBlock = r[o + HEAD]!;
      r[o + START_LINK] = this.freeArm;
      this.freeArm = arm;
      e = next;
    }
  }

  /**
   * Checks that everything was given back.
   * @throws TopologyError
   */
  assertEmpty(): void {
    let arms = 0;
    for (let a = this.freeArm; a !== NONE && arms <= this.usedArms; arms++) {
      a = this.records[(a << SHIFT) + START_LINK]!;
    }
    let blocks = 0;
    for (let b = this.freeBlock; b !== NONE && blocks <= this.usedBlocks; blocks++) {
      b = this.nextBlock[(b << 2) | 3]!;
    }
    if (arms !== this.usedArms || blocks !== this.usedBlocks) {
      throw new TopologyError(
        `Tracing ended with open borders: ${this.usedArms - arms} arms and ${this.usedBlocks - blocks} blocks were not ` +
          'given back. This is a defect in Frustum; please report it with the class raster.',
        { arc: NONE },
      );
    }
  }

  private takeBlock(): number {
    const block = this.freeBlock;
    if (block !== NONE) {
      this.freeBlock = this.nextBlock[(block << 2) | 3]!;
      return block;
    }
    const fresh = this.usedBlocks++;
    if (this.usedBlocks * 16 > this.bytes.length) {
      this.bytes = grow(this.bytes, this.usedBlocks * 16);
      this.nextBlock = new Int32Array(this.bytes.buffer);
    }
    return fresh;
  }

  private putByte(position: number, value: number): number {
    let p = position;
    if ((p & 15) === BLOCK_PAYLOAD) {
      const block = this.takeBlock();
      this.nextBlock[p >> 2] = block;
      p = block << BLOCK_SHIFT;
    }
    this.bytes[p] = value;
    return p + 1;
  }
}
