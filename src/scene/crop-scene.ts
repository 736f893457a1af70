import { cropGrid } from '../core/crop-grid.ts';
import type { ScenePixels } from '../core/ports.ts';
import type { Window } from '../core/window.ts';

/** A window of a scene as a scene of its own. */
export function cropScene(scene: ScenePixels, window: Window): ScenePixels {
  const shift = (part: Window): Window => ({ ...part, x: part.x + window.x, y: part.y + window.y });
  return {
    grid: cropGrid(scene.grid, window),
    readRgb: (part, signal) => scene.readRgb(shift(part), signal),
    readValidity: (part, signal) => scene.readValidity(shift(part), signal),
  };
}
