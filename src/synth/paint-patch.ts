import { type Canvas, MATERIAL, put } from './materials.ts';
import { sampleTile } from './paint-land.ts';
import type { Textures } from './textures.ts';
import { LOOK, type Look } from './zones.ts';

/**
 * Paints a pixel of an ambiguous surface. Everything here follows from its look and hash, and nothing from its label
 * or district: that is what makes it ambiguous.
 */
export function paintPatch(
  c: Canvas,
  at: number,
  px: number,
  py: number,
  look: Look,
  label: number,
  hash: number,
  t: Textures,
): void {
  const tone = ((hash >>> 20) & 31) - 16;
  const soft = sampleTile(t.soft, px, py, hash);
  const fine = sampleTile(t.fine, px, py, hash);
  switch (look) {
    case LOOK.trees:
      put(
        c,
        at,
        label,
        MATERIAL.trees,
        tone + ((sampleTile(t.stand, px, py, hash) * 3) >> 2) + (soft >> 4),
        (hash >>> 25) & 15,
      );
      break;
    case LOOK.grass:
      put(
        c,
        at,
        label,
        MATERIAL.grass,
        tone + (fine >> 2) + (soft >> 2),
        (soft >> 3) + ((hash >>> 25) & 15) - 8,
      );
      break;
    case LOOK.dark:
      put(c, at, label, MATERIAL.darkWater, tone + (soft >> 3), 0);
      break;
    default:
      put(c, at, label, MATERIAL.brightSoil, tone + (fine >> 3) + (soft >> 1), 0);
  }
}
