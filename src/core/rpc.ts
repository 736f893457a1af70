/**
 * Rational polynomial coefficients of a camera, RPC00B (STDI-0002, appendix E): normalised image position as quotients of
 * cubic polynomials in normalised longitude L, latitude P and height H. Line and sample 0 are the centre of the first pixel.
 */
export interface Rpc {
  /** Metres; `null` where the source gives none. */
  readonly errBias: number | null;
  readonly errRand: number | null;
  readonly lineOffset: number;
  readonly sampleOffset: number;
  readonly latitudeOffset: number;
  readonly longitudeOffset: number;
  /** Metres above the ellipsoid. */
  readonly heightOffset: number;
  readonly lineScale: number;
  readonly sampleScale: number;
  readonly latitudeScale: number;
  readonly longitudeScale: number;
  readonly heightScale: number;
  /** 20 coefficients each, of 1, L, P, H, LP, LH, PH, L², P², H², PLH, L³, LP², LH², L²P, P³, PH², L²H, P²H, H³. */
  readonly lineNumerator: readonly number[];
  readonly lineDenominator: readonly number[];
  readonly sampleNumerator: readonly number[];
  readonly sampleDenominator: readonly number[];
}

/** A camera's polynomials, and the height at which all the ground is taken to lie. */
export interface RpcWarp {
  readonly kind: 'rpc';
  readonly rpc: Rpc;
  /** Metres above the WGS 84 ellipsoid. */
  readonly heightM: number;
}

/** The two ways of {@link RpcWarp} at its height. */
export interface RpcCamera {
  /** Pixel position (outer corners) of a longitude and latitude in degrees on WGS 84; not finite where there is none. */
  project(longitude: number, latitude: number): [column: number, row: number];
  /**
   * Longitude and latitude that the camera sees at a pixel position; longitudes may run on beyond 180. `null` where the
   * polynomials have no answer within {@link REACH} times the range they were made for. A function of the position alone.
   */
  locate(column: number, row: number): [longitude: number, latitude: number] | null;
}

/** Normalised coordinates of the ground that the polynomials were fitted on are within 1; beyond this they mean nothing. */
const REACH = 2;
const MOST_STEPS = 30;
/** Newton's steps end where the position is met to this many pixels. */
const EXACT_PIXELS = 1e-8;

export function createRpcCamera({ rpc, heightM }: RpcWarp): RpcCamera {
  const h = (heightM - rpc.heightOffset) / rpc.heightScale;
  const lineNumerator = atHeight(rpc.lineNumerator, h);
  const lineDenominator = atHeight(rpc.lineDenominator, h);
  const sampleNumerator = atHeight(rpc.sampleNumerator, h);
  const sampleDenominator = atHeight(rpc.sampleDenominator, h);
  /** Line, sample, and their slopes by L and P, all normalised. */
  const out = new Float64Array(6);
  const numerator = new Float64Array(3);
  const denominator = new Float64Array(3);
  const quotient = (top: Float64Array, bottom: Float64Array, l: number, p: number, at: number) => {
    evaluate(top, l, p, numerator);
    evaluate(bottom, l, p, denominator);
    const value = numerator[0]! / denominator[0]!;
    out[at] = value;
    out[at + 1] = (numerator[1]! - value * denominator[1]!) / denominator[0]!;
    out[at + 2] = (numerator[2]! - value * denominator[2]!) / denominator[0]!;
  };
  const look = (l: number, p: number) => {
    quotient(lineNumerator, lineDenominator, l, p, 0);
    quotient(sampleNumerator, sampleDenominator, l, p, 3);
  };
  const lineTolerance = Math.abs(EXACT_PIXELS / rpc.lineScale);
  const sampleTolerance = Math.abs(EXACT_PIXELS / rpc.sampleScale);

  return {
    project(longitude, latitude) {
      const turns = Math.round((longitude - rpc.longitudeOffset) / 360);
      look(
        (longitude - 360 * turns - rpc.longitudeOffset) / rpc.longitudeScale,
        (latitude - rpc.latitudeOffset) / rpc.latitudeScale,
      );
      return [
        out[3]! * rpc.sampleScale + rpc.sampleOffset + 0.5,
        out[0]! * rpc.lineScale + rpc.lineOffset + 0.5,
      ];
    },
    locate(column, row) {
      const line = (row - 0.5 - rpc.lineOffset) / rpc.lineScale;
      const sample = (column - 0.5 - rpc.sampleOffset) / rpc.sampleScale;
      // Always from the middle, so that the answer does not depend on what was asked before.
      let l = 0;
      let p = 0;
      look(l, p);
      let missLine = line - out[0]!;
      let missSample = sample - out[3]!;
      for (let step = 0; step < MOST_STEPS; step++) {
        if (Math.abs(missLine) <= lineTolerance && Math.abs(missSample) <= sampleTolerance) {
          return [rpc.longitudeOffset + l * rpc.longitudeScale, rpc.latitudeOffset + p * rpc.latitudeScale];
        }
        const determinant = out[1]! * out[5]! - out[2]! * out[4]!;
        const dl = (out[5]! * missLine - out[2]! * missSample) / determinant;
        const dp = (out[1]! * missSample - out[4]! * missLine) / determinant;
        if (!Number.isFinite(dl) || !Number.isFinite(dp)) return null;
        const miss = Math.hypot(missLine, missSample);
        let share = 1;
        // A step that leads away, or out of where the polynomials mean anything, is halved.
        for (; share > 1e-3; share /= 2) {
          const [nextL, nextP] = [l + share * dl, p + share * dp];
          if (Math.abs(nextL) > REACH || Math.abs(nextP) > REACH) continue;
          look(nextL, nextP);
          if (Math.hypot(line - out[0]!, sample - out[3]!) >= miss) continue;
          l = nextL;
          p = nextP;
          break;
        }
        if (share <= 1e-3) return null;
        missLine = line - out[0]!;
        missSample = sample - out[3]!;
      }
      return null;
    },
  };
}

/** The same camera on a grid whose pixels are `scaleX` x `scaleY` pixels of the present one. */
export function scaleRpc(warp: RpcWarp, scaleX: number, scaleY: number): RpcWarp {
  const { rpc } = warp;
  return {
    ...warp,
    rpc: {
      ...rpc,
      lineOffset: (rpc.lineOffset + 0.5) / scaleY - 0.5,
      sampleOffset: (rpc.sampleOffset + 0.5) / scaleX - 0.5,
      lineScale: rpc.lineScale / scaleY,
      sampleScale: rpc.sampleScale / scaleX,
    },
  };
}

/** The 20 terms at one height: coefficients of 1, L, P, LP, L², P², L³, LP², L²P, P³. */
function atHeight(c: readonly number[], h: number): Float64Array {
  return Float64Array.of(
    c[0]! + h * (c[3]! + h * (c[9]! + h * c[19]!)),
    c[1]! + h * (c[5]! + h * c[13]!),
    c[2]! + h * (c[6]! + h * c[16]!),
    c[4]! + h * c[10]!,
    c[7]! + h * c[17]!,
    c[8]! + h * c[18]!,
    c[11]!,
    c[12]!,
    c[14]!,
    c[15]!,
  );
}

/** Value and slopes by L and P. */
function evaluate(c: Float64Array, l: number, p: number, out: Float64Array): void {
  const c3 = c[3]!;
  const c4 = c[4]!;
  const c5 = c[5]!;
  const c6 = c[6]!;
  const c7 = c[7]!;
  const c8 = c[8]!;
  const c9 = c[9]!;
  out[0] =
    c[0]! + l * (c[1]! + l * (c4 + l * c6 + p * c8)) + p * (c[2]! + l * c3 + p * (c5 + l * c7 + p * c9));
  out[1] = c[1]! + p * c3 + l * (2 * c4 + 3 * l * c6 + 2 * p * c8) + p * p * c7;
  out[2] = c[2]! + l * c3 + p * (2 * c5 + 2 * l * c7 + 3 * p * c9) + l * l * c8;
}
