import { type Canvas, MATERIAL, put } from './materials.ts';
import { sampleTile } from './paint-land.ts';
import { LOOK, type Patch } from './patches.ts';
import type { Textures } from './textures.ts';

/**
 * Paints a pixel of an ambiguous patch. Everything here follows from the patch's look and hash, and nothing from its
 * label or district: that is what makes it ambiguous.
 */
export function paintPatch(c: Canvas, at: number, px: number, py: number, patch: Patch, t: Textures): void {
  const h = patch.hash;
  const tone = ((h >>> 20) & 31) - 16;
  const soft = sampleTile(t.soft, px, py, h);
  const fine = sampleTile(t.fine, px, py, h);
  switch (patch.look) {
    case LOOK.trees:
      put(
        c,
        at,
        patch.label,
        MATERIAL.trees,
        tone + ((sampleTile(t.stand, px, py, h) * 3) >> 2) + (soft >> 4),
        (h >>> 25) & 15,
      );
      break;
    case LOOK.grass:
      put(
        c,
        at,
        patch.label,
        MATERIAL.grass,
        tone + (fine >> 2) + (soft >> 2),
        (soft >> 3) + ((h >>> 25) & 15) - 8,
      );
      break;
    case LOOK.dark:
      put(c, at, patch.label, MATERIAL.darkWater, tone + (soft >> 3), 0);
      break;
    default:
      put(c, at, patch.label, MATERIAL.brightSoil, tone + (fine >> 3) + (soft >> 1), 0);
  }
}
