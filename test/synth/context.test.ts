import { beforeAll, describe, expect, it } from 'vitest';
import { makeGeography } from '../../src/synth/geography.ts';
import { createCanvas, MATERIAL } from '../../src/synth/materials.ts';
import { paintPatch } from '../../src/synth/paint-patch.ts';
import { createStripPainter, STRIP_ROWS } from '../../src/synth/paint-strip.ts';
import { makeTextures } from '../../src/synth/textures.ts';
import { LOOK, type Look } from '../../src/synth/zones.ts';

const SIZE = 2048;

/** Materials that occur as ambiguous surfaces (and, but for trees and bare soil, here and there elsewhere). */
const AMBIGUOUS: readonly number[] = [
  MATERIAL.trees,
  MATERIAL.grass,
  MATERIAL.darkWater,
  MATERIAL.brightSoil,
];
/** Water says nothing of the district. */
const NEUTRAL: readonly number[] = [...AMBIGUOUS, MATERIAL.sea, MATERIAL.river];

/** Paints labels and materials of whole scenes. */
function paintScene(seed: number) {
  const painter = createStripPainter(makeGeography(SIZE, SIZE, seed), makeTextures(seed), SIZE, SIZE, seed);
  const canvas = createCanvas(SIZE * SIZE);
  for (let y = 0; y < SIZE; y += STRIP_ROWS) painter.paint(y, STRIP_ROWS, canvas, y);
  return canvas;
}

describe('what only context can tell', () => {
  let scenes: ReturnType<typeof paintScene>[];
  beforeAll(() => {
    scenes = [11, 22, 33].map(paintScene);
  });

  it('covers a fifth to two fifths of the land, and the commonest class of each look is a poor guess', () => {
    const counts = AMBIGUOUS.map(() => new Array<number>(6).fill(0));
    for (const { material, label } of scenes) {
      for (let k = 0; k < label.length; k++) {
        const row = counts[AMBIGUOUS.indexOf(material[k]!)];
        if (row) row[label[k]!] = row[label[k]!]! + 1;
      }
    }
    const all = counts.flat().reduce((sum, n) => sum + n, 0);
    const guessed = counts.reduce((sum, row) => sum + Math.max(...row), 0);
    const share = all / (scenes.length * SIZE * SIZE);
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.4);
    expect(guessed / all).toBeLessThan(0.6);
    // Every look means at least two classes, neither of them rare.
    for (const row of counts) {
      const [, second] = row.toSorted((p, q) => q - p);
      expect(second! / row.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0.15);
    }
  });

  it('fills whole 256 px windows with nothing that tells, where 768 or 1536 px tell', () => {
    const blind = [128, 384, 768].map((reach) => {
      let windows = 0;
      let told = 0;
      for (const { material } of scenes) {
        for (let y = 64; y < SIZE; y += 128) {
          for (let x = 64; x < SIZE; x += 128) {
            if (!AMBIGUOUS.includes(material[y * SIZE + x]!)) continue;
            windows++;
            if (tells(material, x, y, reach)) told++;
          }
        }
      }
      return 1 - told / windows;
    });
    expect(blind[0]).toBeGreaterThan(0.15);
    expect(blind[1]).toBeLessThan(0.05);
    expect(blind[2]).toBe(0);
  });

  it('paints a surface from its look alone, whatever its label', () => {
    const textures = makeTextures(1);
    const canvas = createCanvas(2);
    for (const look of Object.values(LOOK) as Look[]) {
      for (let n = 0; n < 200; n++) {
        paintPatch(canvas, 0, n * 7, n * 3, look, 2, n * 99991, textures);
        paintPatch(canvas, 1, n * 7, n * 3, look, 4, n * 99991, textures);
        expect([...canvas.label]).toEqual([2, 4]);
        for (const plane of [canvas.material, canvas.tone, canvas.vigour]) expect(plane[0]).toBe(plane[1]);
      }
    }
  });
});

/** Whether at least 3 % of a window around (x, y), clipped to the scene, shows what only one kind of district has. */
function tells(material: Uint8Array, x: number, y: number, reach: number): boolean {
  let seen = 0;
  let telling = 0;
  for (let j = Math.max(y - reach, 0); j < Math.min(y + reach, SIZE); j += 8) {
    for (let i = Math.max(x - reach, 0); i < Math.min(x + reach, SIZE); i += 8) {
      seen++;
      if (!NEUTRAL.includes(material[j * SIZE + i]!)) telling++;
    }
  }
  return telling > 0.03 * seen;
}
