import type { Affine } from '../../src/core/affine.ts';
import { applyAffine } from '../../src/core/affine.ts';
import type { Crs } from '../../src/core/crs.ts';
import type { Grid } from '../../src/core/grid.ts';
import { fitPolynomial } from '../../src/core/polynomial-warp.ts';
import type { Rpc } from '../../src/core/rpc.ts';
import { LONLAT } from './grids.ts';
import type { Raster } from './oracle.ts';

type Size = Pick<Raster, 'width' | 'height'>;

/** A grid that control points place where an affine transform would, or up to `bend` pixels beside it. */
export function byPoints({ width, height }: Size, crs: Crs, transform: Affine, bend = 0): Grid {
  const points = Array.from({ length: 16 }, (_, i) => {
    const [u, v] = [(i % 4) / 3, Math.floor(i / 4) / 3];
    const [column, row] = [u * width, v * height];
    const [x, y] = applyAffine(transform, column + bend * u * v, row - bend * u * u);
    return { column, row, x, y, z: 0 };
  });
  const warp = fitPolynomial(points, 2);
  if (warp === null) throw new RangeError('the control points fix no polynomial');
  return { width, height, transform: null, crs, warp };
}

/** A grid that a camera's polynomials place, skewed and bent, at 30 degrees north; pixels are about 40 m. */
export function byCamera({ width, height }: Size, reach = 1): Grid {
  const one = [1, ...new Array<number>(19).fill(0)];
  const cubic = (l: number, p: number, bend: number) => {
    const terms = new Array<number>(20).fill(0);
    [terms[1], terms[2], terms[4], terms[7], terms[8]] = [l, p, bend, bend / 2, -bend];
    return terms;
  };
  const metres = 40;
  const rpc: Rpc = {
    errBias: null,
    errRand: null,
    lineOffset: height / 2,
    sampleOffset: width / 2,
    latitudeOffset: 30,
    longitudeOffset: 100,
    heightOffset: 0,
    lineScale: (height / 2) * reach,
    sampleScale: (width / 2) * reach,
    latitudeScale: ((height / 2) * metres) / 110_000,
    longitudeScale: ((width / 2) * metres) / 96_000,
    heightScale: 500,
    lineNumerator: cubic(0.1, -1, 0.02),
    lineDenominator: one,
    sampleNumerator: cubic(1, 0.3, 0.03),
    sampleDenominator: one,
  };
  return { width, height, transform: null, crs: LONLAT, warp: { kind: 'rpc', rpc, heightM: 0 } };
}
