import { ConfigError } from '../core/errors.ts';
import type { RgbReader } from '../core/ports.ts';
import { createResampler, resampleRow } from '../core/resample.ts';
import type { Window } from '../core/window.ts';

/** Places a side, and level pixels a side at each. */
const PLACES = 4;
const PATCH = 8;
const BANDS = 3;

/**
 * Compares a level with the scene at places spread over it. A second line of defence behind `checkSource`: it finds
 * levels of other pixels under an honest description, but not a change between the places.
 * @throws ConfigError if a pixel differs
 */
export async function checkSameScene(
  dir: string,
  scene: RgbReader,
  level: RgbReader,
  distance: number,
  signal?: AbortSignal,
): Promise<void> {
  for (const patch of probePatches(scene, distance)) {
    const source: Window = {
      x: patch.x * distance,
      y: patch.y * distance,
      width: patch.width * distance,
      height: patch.height * distance,
    };
    const [seen, kept] = await Promise.all([scene.readRgb(source, signal), level.readRgb(patch, signal)]);
    const expected = sampleCells(seen.data, source, patch);
    if (expected.some((value, i) => value !== kept.data[i])) {
      throw new ConfigError(
        `The altitude pyramid in ${dir} was not made of this scene as it is read now: pixels differ near column ${source.x}, row ${source.y}. Were the bands, the stretch or the file changed? Build the pyramid again, or use sampling "exact".`,
        { pointer: '/pyramid', value: dir },
      );
    }
  }
}

/** Windows of the level whose cells lie within the scene, spread evenly. */
function probePatches(scene: RgbReader, distance: number): Window[] {
  const columns = Math.floor(scene.grid.width / distance);
  const rows = Math.floor(scene.grid.height / distance);
  const width = Math.min(PATCH, columns);
  const height = Math.min(PATCH, rows);
  if (width === 0 || height === 0) return [];
  const spread = (room: number) =>
    new Set(Array.from({ length: PLACES }, (_, i) => Math.round((room * (i + 0.5)) / PLACES)));
  const patches: Window[] = [];
  for (const y of spread(rows - height)) {
    for (const x of spread(columns - width)) patches.push({ x, y, width, height });
  }
  return patches;
}

function sampleCells(data: Uint8Array, source: Window, patch: Window): Uint8Array {
  const resampler = createResampler(source, patch, BANDS);
  const out = new Uint8Array(patch.width * patch.height * BANDS);
  const at = (y: number) => ({ data, offset: y * source.width * BANDS });
  for (let row = 0; row < patch.height; row++) {
    const { lower, upper } = resampler.rows;
    resampleRow(resampler, row, at(lower[row]!), at(upper[row]!), out, row * patch.width * BANDS);
  }
  return out;
}
