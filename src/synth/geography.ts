import { DISTRICT, type District } from './districts.ts';
import { type Drainage, drainLand, traceRivers } from './drainage.ts';
import { hash2, rehash, unit, valueNoise } from './hash.ts';
import { MARGIN, makeRelief, type Relief, sampleCoarse } from './relief.ts';
import type { SiteGrid } from './site-grid.ts';
import { isInRing, type LandDistrict, nearestZone, placeZones, ZONE_REACH, type Zone } from './zones.ts';

/** A town or city: a ragged disc of built-up land. */
export interface City {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly hash: number;
}

/** The land at large: everything here is known before the first row is painted, and bounded in size. */
export interface Geography {
  readonly relief: Relief;
  /** River pieces; see drainage.ts. */
  readonly rivers: Float64Array;
  /** Cities by cell of the city grid, row-major; `null` where no good ground was found. */
  readonly cities: readonly (City | null)[];
  readonly cityColumns: number;
  readonly cityRows: number;
  readonly zones: SiteGrid<Zone>;
  /** The city that covers a position, or `null`. */
  cityAt(x: number, y: number): City | null;
  districtAt(x: number, y: number): District;
  /** The district that a position has, or would have if it lay above the water: shores belong to the land behind. */
  landDistrictAt(x: number, y: number): LandDistrict;
  /** Height rank, 0 to 1. */
  rankAt(x: number, y: number): number;
}

/** Usual distance between neighbouring cities, in pixels. */
const CITY_SPACING = 1250;

/** Makes the land of a scene; it depends on the scene's size, because rivers gather over all of it. */
export function makeGeography(width: number, height: number, seed: number): Geography {
  const relief = makeRelief(width, height, seed);
  const drainage = drainLand(relief, seed);
  const wetness = valleyWetness(relief, drainage);
  const cityColumns = Math.max(1, Math.round(width / CITY_SPACING));
  const cityRows = Math.max(1, Math.round(height / CITY_SPACING));
  const stepX = width / cityColumns;
  const stepY = height / cityRows;
  const rankAt = (x: number, y: number) => sampleCoarse(relief, relief.rank, x, y);
  const scale = layoutScale(width, height);
  const zones = placeZones(rankAt, relief.seaRank, scale, seed);
  const around: Zone[] = [];
  /** The zone whose ring covers a position, if any. */
  const ringAt = (x: number, y: number): Zone | null => {
    around.length = 0;
    zones.collect(x, y, ZONE_REACH, around);
    const zone = nearestZone(around, x, y);
    return zone !== null && isInRing(zone, x, y, seed) ? zone : null;
  };
  const cities: (City | null)[] = [];
  for (let j = 0; j < cityRows; j++) {
    for (let i = 0; i < cityColumns; i++) {
      const hash = hash2(seed + 503, i, j);
      let best: City | null = null;
      let bestScore = Number.NEGATIVE_INFINITY;
      for (let t = 0; t < 24; t++) {
        const x = (i + 0.2 + 0.6 * unit(rehash(hash, 2 * t))) * stepX;
        const y = (j + 0.2 + 0.6 * unit(rehash(hash, 2 * t + 1))) * stepY;
        const rank = rankAt(x, y);
        if (rank < relief.seaRank + 0.05 || rank > 0.8) continue;
        // A small scene has one city, which must not drown in a zone.
        if (scale < 1 && ringAt(x, y) !== null) continue;
        // Cities grow on low ground by rivers.
        const score = sampleCoarse(relief, wetness, x, y) - Math.abs(rank - 0.35);
        if (score <= bestScore) continue;
        bestScore = score;
        best = { x, y, radius: 190 + 150 * unit(rehash(hash, 99)), hash };
      }
      cities.push(best);
    }
  }
  const cityAt = (x: number, y: number): City | null => {
    const zone = ringAt(x, y);
    if (zone !== null) {
      if (zone.district !== DISTRICT.urban) return null;
      return { x: zone.x, y: zone.y, radius: zone.radius + zone.ring, hash: zone.hash };
    }
    const ci = Math.floor(x / stepX);
    const cj = Math.floor(y / stepY);
    for (let j = Math.max(cj - 1, 0); j <= Math.min(cj + 1, cityRows - 1); j++) {
      for (let i = Math.max(ci - 1, 0); i <= Math.min(ci + 1, cityColumns - 1); i++) {
        const city = cities[j * cityColumns + i]!;
        if (city === null) continue;
        const dx = x - city.x;
        const dy = y - city.y;
        const ragged = city.radius * (1 + 0.35 * valueNoise(seed + 509, x / 170, y / 170));
        if (dx * dx + dy * dy < ragged * ragged) return city;
      }
    }
    return null;
  };
  const landDistrictAt = (x: number, y: number): LandDistrict => {
    const zone = ringAt(x, y);
    if (zone !== null) return zone.district;
    const rank = rankAt(x, y);
    if (cityAt(x, y) !== null) return DISTRICT.urban;
    const moist = sampleCoarse(relief, relief.moisture, x, y);
    if (rank > 0.73 + 0.22 * (0.5 - moist)) return DISTRICT.upland;
    if (rank < 0.6 && sampleCoarse(relief, wetness, x, y) + 0.55 * moist > 0.58) return DISTRICT.paddies;
    return moist < 0.38 ? DISTRICT.pasture : DISTRICT.crops;
  };
  const districtAt = (x: number, y: number): District =>
    rankAt(x, y) < relief.seaRank ? DISTRICT.sea : landDistrictAt(x, y);
  return {
    relief,
    rivers: traceRivers(relief, drainage, seed),
    zones,
    cities,
    cityColumns,
    cityRows,
    cityAt,
    districtAt,
    landDistrictAt,
    rankAt,
  };
}

/** Scenes with no side of 2048 pixels get smaller zones, so that other land finds room in them too. */
function layoutScale(width: number, height: number): number {
  return Math.min(Math.max(Math.max(width, height) / 2048, 0.5), 1);
}

/** How near and how large the rivers around a cell are, 0 to about 1: a doubly box-blurred map of river size. */
function valleyWetness(relief: Relief, drainage: Drainage): Float32Array {
  const { columns, rows, cell } = relief;
  const field = new Float32Array(columns * rows);
  for (let k = 0; k < field.length; k++) field[k] = Math.min(Math.sqrt(drainage.areaPx[k]!) / 1400, 1);
  const radius = Math.max(1, Math.round(MARGIN / 3 / cell));
  const gain = (2 * radius + 1) / 2;
  const once = boxBlur(field, columns, rows, radius);
  const twice = boxBlur(once, columns, rows, radius);
  for (let k = 0; k < twice.length; k++) twice[k] = Math.min(twice[k]! * gain * 0.55, 1);
  return twice;
}

/** Mean over (2*radius + 1)^2 cells; the border cells are repeated outside. */
function boxBlur(source: Float32Array, columns: number, rows: number, radius: number): Float32Array {
  const across = new Float32Array(source.length);
  const out = new Float32Array(source.length);
  blurLines(source, across, rows, columns, columns, 1, radius);
  blurLines(across, out, columns, rows, 1, columns, radius);
  return out;
}

function blurLines(
  source: Float32Array,
  out: Float32Array,
  lines: number,
  length: number,
  lineStep: number,
  step: number,
  radius: number,
): void {
  const size = 2 * radius + 1;
  for (let l = 0; l < lines; l++) {
    const base = l * lineStep;
    const value = (i: number) => source[base + Math.min(Math.max(i, 0), length - 1) * step]!;
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += value(i);
    for (let i = 0; i < length; i++) {
      out[base + i * step] = sum / size;
      sum += value(i + radius + 1) - value(i - radius);
    }
  }
}
