import type { CoverageGeometry } from '../core/coverage.ts';
import { M2_PER_Q_DEGREE, meanQ, Q_POLE } from './authalic.ts';
import { closeRings } from './close-rings.ts';
import { cutAtAntimeridian } from './cut-antimeridian.ts';
import { createDensifier } from './densify.ts';
import type { Face } from './face.ts';
import { geodesicLength } from './geodesic.ts';
import { grow } from './grow.ts';
import type { CornerLocator } from './locate-corners.ts';

/** A face's geometry in longitude and latitude, with its measures. */
export interface LonLatShape {
  readonly geometry: CoverageGeometry;
  /** Square metres on the WGS 84 ellipsoid. */
  readonly areaM2: number;
  /** Metres along all rings, geodesic from point to point. */
  readonly perimeterM: number;
}

/**
 * How faces become geometries in longitude and latitude.
 *
 * Coordinates are rounded to 7 decimals of a degree, each corner the same wherever it occurs. The area is that of the
 * rings before rounding, on the ellipsoid: the integral of the authalic function along edges that are straight in
 * longitude and latitude. For a raster in degrees that is exactly the sum of its pixels' areas; areas of neighbours add
 * up, since both integrate over the same edges.
 */
export function createLonLatShaper(locator: CornerLocator): (face: Face) => LonLatShape {
  const walker = new RingWalker(locator);
  return (face) => walker.shape(face);
}

/** Walks a face's rings on the ground; its buffers serve one face after the other. */
class RingWalker {
  private readonly visitBetween: (x1: number, y1: number, x2: number, y2: number) => void;
  private readonly locator: CornerLocator;
  /** x, y of all rings in whole units of a degree, unwrapped along each ring; no closing points. */
  private units = new Float64Array(1024);
  private at = 0;
  /** Multiple of 360 degrees that unwraps the longitude at hand. */
  private turns = 0;
  private started = false;
  private longitude = 0;
  private latitude = 0;
  private q = 0;
  /** 1 or -1 if the last point is that pole, so that the next longitude is reached by going round it. */
  private pole = 0;
  /** Integral of q along the rings so far, over degrees of longitude. */
  private integral = 0;
  /** Metres along the rings so far. */
  private length = 0;

  constructor(locator: CornerLocator) {
    this.locator = locator;
    const { latticeStep, scale } = locator;
    this.visitBetween = createDensifier(latticeStep, scale, (x, y) => this.visit(x, y));
  }

  shape(face: Face): LonLatShape {
    const { unitsPerDegree } = this.locator;
    const world = 360 * unitsPerDegree;
    const starts: number[] = [];
    const windings: number[] = [];
    this.at = 0;
    this.integral = 0;
    this.length = 0;
    let winding = 0;
    let cut = false;
    for (let r = 0; r < face.ringCount; r++) {
      starts.push(this.at);
      windings.push(this.walkRing(face, r === 0 ? 0 : face.ringEnds[r - 1]!, face.ringEnds[r]!));
      winding += windings[r]!;
      cut ||= windings[r] !== 0 || !this.shiftHome(starts[r]!, world);
    }
    // A face round a pole is bounded by it too: the rings alone do not close in longitude and latitude.
    const areaM2 = (Math.abs(winding) * 360 * Q_POLE - this.integral) * M2_PER_Q_DEGREE;
    const rings = starts.map((start, r) => this.units.subarray(start, starts[r + 1] ?? this.at));
    const geometry = cut
      ? cutAtAntimeridian(rings, windings, unitsPerDegree)
      : closeRings(rings, [rings.length], unitsPerDegree);
    return { geometry, areaM2, perimeterM: this.length };
  }

  /** @returns how often the ring goes round the Earth eastwards: 0, or 1 or -1 if it has a pole on one side. */
  private walkRing(face: Face, from: number, to: number): number {
    const { points } = face;
    const { mirrored } = this.locator;
    const n = to - from;
    // A ring may not begin at a pole, which has no longitude of its own.
    let first = from;
    this.locator.locate(points[2 * first]!, points[2 * first + 1]!);
    if (!this.locator.continuous && Math.abs(this.locator.latitude) > POLAR) first++;
    this.started = false;
    this.turns = 0;
    this.pole = 0;
    let x = points[2 * first]!;
    let y = points[2 * first + 1]!;
    this.visit(x, y);
    const startLongitude = this.longitude;
    for (let i = 1; i <= n; i++) {
      const k = 2 * (from + ((mirrored ? first - from + n - i : first - from + i) % n));
      const nextX = points[k]!;
      const nextY = points[k + 1]!;
      this.visitBetween(x, y, nextX, nextY);
      this.visit(nextX, nextY);
      x = nextX;
      y = nextY;
    }
    this.at -= 2; // the first point again
    return Math.round((this.longitude - startLongitude) / 360);
  }

  private visit(column: number, row: number): void {
    const { locator } = this;
    const { unitsPerDegree, continuous } = locator;
    locator.locate(column, row);
    const { latitude, q } = locator;
    if (!continuous && Math.abs(latitude) > POLAR) {
      this.pole = Math.sign(latitude);
      this.putPole(this.longitude, this.units[this.at - 2]!);
      return;
    }
    let longitude = locator.longitude;
    if (!continuous && this.started) {
      // Half the world apart in longitude: the border between the two corners leads over the pole.
      const apart = Math.abs(longitude - this.longitude) % 360;
      if (this.pole === 0 && Math.abs(apart - 180) < 1e-9) {
        this.pole = Math.sign(latitude);
        this.putPole(this.longitude, this.units[this.at - 2]!);
      }
      let low = this.longitude - 180;
      // The face is on the left: it is passed westwards at the north pole, eastwards at the south pole.
      if (this.pole !== 0) low = this.pole > 0 ? this.longitude - 360 : this.longitude;
      const turns = Math.ceil((low - longitude) / 360);
      longitude += 360 * turns;
      this.turns = turns;
    }
    // Rounded before it is unwrapped, so that a corner is the same point on each side of the antimeridian.
    const x = Math.round(locator.longitude * unitsPerDegree) + 360 * this.turns * unitsPerDegree;
    if (this.pole !== 0) this.putPole(longitude, x);
    this.pole = 0;
    this.put(longitude, x, latitude, q);
  }

  private putPole(longitude: number, x: number): void {
    this.put(longitude, x, this.pole * 90, this.pole * Q_POLE);
  }

  private put(longitude: number, x: number, latitude: number, q: number): void {
    if (this.started) {
      this.integral += (longitude - this.longitude) * meanQ(this.latitude, this.q, latitude, q);
      this.length += geodesicLength(this.longitude, this.latitude, longitude, latitude);
    }
    this.started = true;
    this.longitude = longitude;
    this.latitude = latitude;
    this.q = q;
    if (this.at + 2 > this.units.length) this.units = grow(this.units, this.at + 2);
    this.units[this.at++] = x;
    this.units[this.at++] = Math.round(latitude * this.locator.unitsPerDegree);
  }

  /** Moves the last ring by whole worlds into -180..180. @returns false if it does not fit there in one piece. */
  private shiftHome(start: number, world: number): boolean {
    const { units } = this;
    let low = units[start]!;
    let high = low;
    for (let i = start + 2; i < this.at; i += 2) {
      const x = units[i]!;
      if (x < low) low = x;
      else if (x > high) high = x;
    }
    const shift = Math.floor((low + world / 2) / world) * world;
    if (high > shift + world / 2) return false;
    if (shift !== 0) for (let i = start; i < this.at; i += 2) units[i]! -= shift;
    return true;
  }
}

/** Latitudes nearer to a pole than this are the pole. */
const POLAR = 90 - 1e-9;
