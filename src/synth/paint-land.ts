import { LABEL } from './classes.ts';
import { hash2 } from './hash.ts';
import type { Frame, LandSite } from './land-sites.ts';
import { type Canvas, MATERIAL, put } from './materials.ts';
import { type Textures, TILE, TILE_MASK } from './textures.ts';

/** Value of a texture tile at a pixel, shifted by the low bits of `hash`. */
export function sampleTile(tile: Int8Array, x: number, y: number, hash: number): number {
  return tile[((y + (hash >>> 9)) & TILE_MASK) * TILE + ((x + hash) & TILE_MASK)]!;
}

const CROPS = Uint8Array.of(
  MATERIAL.cropLush,
  MATERIAL.cropGreen,
  MATERIAL.cropRipe,
  MATERIAL.cropStubble,
  MATERIAL.cropGreen,
  MATERIAL.ploughed,
  MATERIAL.cropLush,
  MATERIAL.cropStubble,
);

const PADDIES = Uint8Array.of(
  MATERIAL.paddyGreen,
  MATERIAL.paddyGreen,
  MATERIAL.paddyYellow,
  MATERIAL.darkWater,
  MATERIAL.paddyGreen,
  MATERIAL.paddyYellow,
  MATERIAL.paddyGreen,
  MATERIAL.cropGreen,
);

/** Which parcel a position lies in, and how far from the parcel's edge. Reused: see {@link findParcel}. */
export interface Parcel {
  hash: number;
  /** Pixels to the nearest edge along and across. */
  edge: number;
  /** Position across, in pixels: crop rows run along. */
  across: number;
  along: number;
}

/** Finds the parcel of a frame at (x, y): strips of even width, cut into pieces that don't line up. */
export function findParcel(frame: Frame, x: number, y: number, out: Parcel): void {
  const dx = x - frame.x;
  const dy = y - frame.y;
  const u = dx * frame.cosine + dy * frame.sine;
  const v = dy * frame.cosine - dx * frame.sine;
  const strip = Math.floor(v / frame.across);
  const stripHash = hash2(frame.hash, strip, 77);
  const shifted = u + (stripHash & 255);
  const along = frame.along * (0.7 + ((stripHash >>> 8) & 255) / 400);
  const piece = Math.floor(shifted / along);
  const fu = shifted - piece * along;
  const fv = v - strip * frame.across;
  out.hash = hash2(frame.hash, strip, piece);
  out.edge = Math.min(fu, along - fu, fv, frame.across - fv);
  out.across = fv;
  out.along = fu;
}

/** Dry fields: crops in all stages, tracks and hedges between them, rows along the parcel. */
export function paintCrops(c: Canvas, at: number, px: number, py: number, parcel: Parcel, t: Textures): void {
  const h = parcel.hash;
  if (parcel.edge < 0.9 && (h & 7) < 6) {
    put(
      c,
      at,
      LABEL.farmland,
      (h & 7) < 3 ? MATERIAL.hedge : MATERIAL.track,
      sampleTile(t.fine, px, py, h) >> 2,
      0,
    );
    return;
  }
  const period = 3 + ((h >>> 12) & 3);
  const phase = parcel.across % period;
  const rows = phase * 2 < period ? 9 : -9;
  const tone =
    rows +
    (((h >>> 16) & 63) - 32) +
    (sampleTile(t.soft, px, py, h) >> 2) +
    (sampleTile(t.fine, px, py, h) >> 3);
  put(c, at, LABEL.farmland, CROPS[(h >>> 8) & 7]!, tone, ((h >>> 22) & 31) - 16);
}

/** Paddies: small wet fields between dikes, in step with their neighbours; some stand under water. */
export function paintPaddies(
  c: Canvas,
  at: number,
  px: number,
  py: number,
  parcel: Parcel,
  t: Textures,
): void {
  const h = parcel.hash;
  const fine = sampleTile(t.fine, px, py, h);
  if (parcel.edge < 0.7) {
    put(c, at, LABEL.farmland, MATERIAL.dike, fine >> 2, 0);
    return;
  }
  const tone = ((h >>> 16) & 31) - 16 + (sampleTile(t.soft, px, py, h) >> 3) + (fine >> 4);
  put(c, at, LABEL.farmland, PADDIES[(h >>> 8) & 7]!, tone, ((h >>> 22) & 15) - 8);
}

/** Natural forest on slopes that face the sun or lie in shadow (`relief`, in 1/256). */
export function paintUpland(
  c: Canvas,
  at: number,
  px: number,
  py: number,
  site: LandSite,
  relief: number,
  t: Textures,
): void {
  const h = site.hash;
  const soft = sampleTile(t.soft, px, py, h);
  const tone = ((sampleTile(t.wild, px, py, h) * 3) >> 2) + relief + (soft >> 2) + ((h >>> 20) & 15) - 8;
  put(c, at, LABEL.forest, MATERIAL.wildTrees, tone, (soft >> 3) + ((h >>> 25) & 7));
}

/** Natural grassland: soft, patchy, dotted with shrubs, fenced in large pastures. */
export function paintPasture(
  c: Canvas,
  at: number,
  px: number,
  py: number,
  parcel: Parcel,
  site: LandSite,
  relief: number,
  t: Textures,
): void {
  const h = site.hash;
  const soft = sampleTile(t.soft, px, py, 12345);
  const fine = sampleTile(t.fine, px, py, h);
  if (parcel.edge < 0.6 && (parcel.hash & 3) < 2) {
    put(c, at, LABEL.meadow, MATERIAL.bank, fine >> 2, 0);
    return;
  }
  if (soft > 18 && sampleTile(t.stand, px, py, 777) > 30 && (hash2(h, px >> 2, py >> 2) & 7) === 0) {
    put(c, at, LABEL.meadow, MATERIAL.shrub, fine >> 1, 0);
    return;
  }
  const tone = (soft >> 1) + (fine >> 2) + (relief >> 1) + (((parcel.hash >>> 16) & 15) - 8);
  put(c, at, LABEL.meadow, MATERIAL.meadow, tone, soft >> 3);
}
