/** x, y, x, y: least and greatest. */
export type Box = readonly [minX: number, minY: number, maxX: number, maxY: number];

/** The box of points given as x, y, x, y and so on. */
export function boxOf(coordinates: Float64Array): Box {
  let minX = Number.POSITIVE_INFINITY;
  let minY = Number.POSITIVE_INFINITY;
  let maxX = Number.NEGATIVE_INFINITY;
  let maxY = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < coordinates.length; i += 2) {
    const x = coordinates[i]!;
    const y = coordinates[i + 1]!;
    if (x < minX) minX = x;
    if (x > maxX) maxX = x;
    if (y < minY) minY = y;
    if (y > maxY) maxY = y;
  }
  return [minX, minY, maxX, maxY];
}

const BLOCK_BITS = 14;
const BLOCK = 1 << BLOCK_BITS;
const FIELDS = 5;

/** The box of each feature and where it begins in the data, in emission order: 40 bytes a feature, in blocks. */
export class FeatureBoxes {
  count = 0;
  private readonly blocks: Float64Array[] = [];
  private minX = Number.POSITIVE_INFINITY;
  private minY = Number.POSITIVE_INFINITY;
  private maxX = Number.NEGATIVE_INFINITY;
  private maxY = Number.NEGATIVE_INFINITY;

  /** @param coordinates x, y of all points; those of the shells would do. */
  add(coordinates: Float64Array, offset: number): void {
    const [minX, minY, maxX, maxY] = boxOf(coordinates);
    if (minX < this.minX) this.minX = minX;
    if (minY < this.minY) this.minY = minY;
    if (maxX > this.maxX) this.maxX = maxX;
    if (maxY > this.maxY) this.maxY = maxY;
    const at = (this.count & (BLOCK - 1)) * FIELDS;
    if (at === 0) this.blocks.push(new Float64Array(BLOCK * FIELDS));
    const block = this.blocks[this.blocks.length - 1]!;
    block[at] = minX;
    block[at + 1] = minY;
    block[at + 2] = maxX;
    block[at + 3] = maxY;
    block[at + 4] = offset;
    this.count++;
  }

  /** Field 0 to 3: minX, minY, maxX, maxY; 4: the offset. */
  get(feature: number, field: number): number {
    return this.blocks[feature >>> BLOCK_BITS]![(feature & (BLOCK - 1)) * FIELDS + field]!;
  }

  /** The box of all; `null` without features. */
  box(): Box | null {
    return this.count === 0 ? null : [this.minX, this.minY, this.maxX, this.maxY];
  }

  /**
   * The features along a Hilbert curve through the centres of their boxes, which puts neighbours near each other;
   * features at one place of the curve stay in emission order.
   * @returns numbers of features
   */
  hilbertOrder(): Uint32Array {
    const { count, minX, minY } = this;
    const scaleX = HILBERT_MAX / (this.maxX - minX || 1);
    const scaleY = HILBERT_MAX / (this.maxY - minY || 1);
    const keys = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const x = ((this.get(i, 0) + this.get(i, 2)) / 2 - minX) * scaleX;
      const y = ((this.get(i, 1) + this.get(i, 3)) / 2 - minY) * scaleY;
      keys[i] = hilbert(Math.floor(x), Math.floor(y));
    }
    return orderByKey(keys);
  }
}

const HILBERT_MAX = 65535;

/** Distance along the Hilbert curve of order 16, from its coarsest quarter inwards: each quarter is turned as it is entered. */
export function hilbert(x: number, y: number): number {
  let key = 0;
  let px = x;
  let py = y;
  for (let side = 32768; side > 0; side >>= 1) {
    const right = (px & side) !== 0 ? 1 : 0;
    const upper = (py & side) !== 0 ? 1 : 0;
    key = key * 4 + ((3 * right) ^ upper);
    if (upper === 0) {
      if (right === 1) {
        px = HILBERT_MAX - px;
        py = HILBERT_MAX - py;
      }
      const swap = px;
      px = py;
      py = swap;
    }
  }
  return key;
}

/** Stable radix sort, two digits of 16 bits. @returns the places of the keys in rising order */
export function orderByKey(keys: Uint32Array): Uint32Array {
  const { length } = keys;
  let order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  let next = new Uint32Array(length);
  for (const shift of [0, 16]) {
    const starts = new Uint32Array(65537);
    for (let i = 0; i < length; i++) starts[((keys[i]! >>> shift) & 65535) + 1]!++;
    for (let digit = 1; digit < 65536; digit++) starts[digit]! += starts[digit - 1]!;
    for (let k = 0; k < length; k++) {
      const i = order[k]!;
      next[starts[(keys[i]! >>> shift) & 65535]!++] = i;
    }
    [order, next] = [next, order];
  }
  return order;
}
