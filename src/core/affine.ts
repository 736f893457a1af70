/**
 * Affine transform from pixel corners to map coordinates, in the order of the published `affine` convention:
 * `X = a*col + b*row + c`, `Y = d*col + e*row + f`. (col, row) = (0, 0) is the outer corner of the first pixel.
 */
export interface Affine {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  readonly f: number;
}

/** Map coordinates of a pixel corner position (fractions allowed). */
export function applyAffine(t: Affine, col: number, row: number): [x: number, y: number] {
  return [t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f];
}

/** Signed area of one pixel in squared map units; positive where the image is not mirrored on the map (north up). */
export function pixelDeterminant(t: Affine): number {
  return t.a * t.e - t.b * t.d;
}

/** The inverse transform, or `null` where the transform is singular or not finite. */
export function invertAffine(t: Affine): Affine | null {
  const det = pixelDeterminant(t);
  if (!Number.isFinite(det) || det === 0) return null;
  return {
    a: t.e / det,
    b: -t.b / det,
    c: (t.b * t.f - t.e * t.c) / det,
    d: -t.d / det,
    e: t.a / det,
    f: (t.d * t.c - t.a * t.f) / det,
  };
}

/** The transform of the same ground seen on a grid whose pixel (0, 0) is at (col, row) and `scale` source pixels wide. */
export function scaleAffine(t: Affine, scaleX: number, scaleY: number, col = 0, row = 0): Affine {
  const [c, f] = applyAffine(t, col, row);
  return { a: t.a * scaleX, b: t.b * scaleY, c, d: t.d * scaleX, e: t.e * scaleY, f };
}

/** True for the transform that maps pixels to themselves, rows counted downwards or upwards: what stands for having none. */
export function isIdentity(t: Affine): boolean {
  return t.a === 1 && t.b === 0 && t.c === 0 && t.d === 0 && Math.abs(t.e) === 1 && t.f === 0;
}
