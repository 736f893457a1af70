/**
 * One 4-connected face of a class raster. The record and its buffers are used again for the next face: read them
 * during the callback, and copy what must stay.
 */
export interface Face {
  /** Index of the face's first pixel in the scene, y*width + x: stable whatever the chunking (may exceed 32 bits). */
  readonly id: number;
  readonly classId: number;
  readonly pixelCount: number;
  /** Sum of the pixels' confidences, 0..255 each; 0 if none were given. */
  readonly confidenceSum: number;
  /** Least of the pixels' confidences; 256 if none were given. */
  readonly leastConfidence: number;
  /** Whether the face reaches the edge of the raster. */
  readonly touchesEdge: boolean;
  /** Units of the points in a pixel: 1 for pixel corners; more where borders were redrawn. */
  readonly scale: number;
  /**
   * Pixel corners x, y (0..width, 0..height, rows count down) of all rings one behind the other; longer than the face
   * needs. Rings have no closing point. The shell is first and runs counter-clockwise as seen with row 0 on top; holes
   * follow by their top-left corner and run clockwise. Each ring begins at its top-left corner. Corners where three or
   * four borders meet are points of every ring through them, also where the ring goes straight on.
   */
  readonly points: Int32Array;
  readonly ringCount: number;
  /** Where each ring ends in {@link points}, counted in points; longer than the face needs. */
  readonly ringEnds: Int32Array;
}
