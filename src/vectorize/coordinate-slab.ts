const SLAB = 1 << 13;

/**
 * Arrays for features' coordinates. Most features are small, and an array with memory of its own costs more than all that is
 * written into it; so small ones are views of a common piece of 64 KiB, one behind the other and each used once.
 */
export class CoordinateSlab {
  private slab = new ArrayBuffer(0);
  private at = 0;

  /** An array of `length` numbers, to be filled: nothing else will ever write to it. */
  take(length: number): Float64Array<ArrayBuffer> {
    if (length > SLAB / 8) return new Float64Array(length);
    const bytes = 8 * length;
    if (this.at + bytes > this.slab.byteLength) {
      this.slab = new ArrayBuffer(8 * SLAB);
      this.at = 0;
    }
    const array = new Float64Array(this.slab, this.at, length);
    this.at += bytes;
    return array;
  }
}
