/**
 * A binary heap of faces by size, then by first pixel. Entries are never changed: a face that grew is pushed again, and
 * the caller skips entries whose size is no longer the face's.
 */
export class FaceHeap {
  private faces = new Int32Array(256);
  private sizes = new Float64Array(256);
  private count = 0;
  private readonly first: Float64Array;
  /** Size of the entry that {@link pop} took last. */
  poppedSize = 0;

  constructor(first: Float64Array) {
    this.first = first;
  }

  push(face: number, size: number): void {
    if (this.count === this.faces.length) {
      const faces = new Int32Array(2 * this.count);
      const sizes = new Float64Array(2 * this.count);
      faces.set(this.faces);
      sizes.set(this.sizes);
      this.faces = faces;
      this.sizes = sizes;
    }
    const { faces, sizes } = this;
    let i = this.count++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.before(face, size, faces[parent]!, sizes[parent]!)) break;
      faces[i] = faces[parent]!;
      sizes[i] = sizes[parent]!;
      i = parent;
    }
    faces[i] = face;
    sizes[i] = size;
  }

  /** The least face, or -1. */
  pop(): number {
    if (this.count === 0) return -1;
    const { faces, sizes } = this;
    const top = faces[0]!;
    this.poppedSize = sizes[0]!;
    const n = --this.count;
    const face = faces[n]!;
    const size = sizes[n]!;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && this.before(faces[child + 1]!, sizes[child + 1]!, faces[child]!, sizes[child]!)) {
        child++;
      }
      if (!this.before(faces[child]!, sizes[child]!, face, size)) break;
      faces[i] = faces[child]!;
      sizes[i] = sizes[child]!;
      i = child;
    }
    faces[i] = face;
    sizes[i] = size;
    return top;
  }

  private before(f: number, fSize: number, g: number, gSize: number): boolean {
    return fSize < gSize || (fSize === gSize && this.first[f]! < this.first[g]!);
  }
}
