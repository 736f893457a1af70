import { ConfigError } from '../../core/errors.ts';
import { intersectWindows } from '../../core/window.ts';
import { type Frustum, frustumAt, planFrusta } from '../../frustum/plan.ts';
import { createFrustumReader } from '../../frustum/read-frustum.ts';
import type { ModelManifest } from '../../model/manifest.ts';
import type { Scene } from '../../scene/open-scene.ts';
import { throwIfStopped, type Views } from './run-graphs.ts';

/** Windows in two halves that share none: one to measure ranges on, one to judge the result by. */
export interface CalibrationWindows {
  readonly ranges: readonly Views[];
  readonly checks: readonly Views[];
}

/** Fractional part of the golden ratio: its multiples, modulo 1, fall evenly into what is left open. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Reads `count` windows for each half, as many of each scene, spread evenly over it: the same ones each time. Windows lie on
 * the grid of runs without overlap, in the geometry that the network was trained with; those without data are passed over.
 * A scene of fewer windows gives all of its own.
 * @throws ConfigError if the scenes have fewer than two windows with data; SourceError, FormatError
 */
export async function readCalibrationWindows(
  scenes: readonly Scene[],
  manifest: ModelManifest,
  count: number,
  { signal, onWindow }: { readonly signal?: AbortSignal; readonly onWindow?: (done: number) => void } = {},
): Promise<CalibrationWindows> {
  const found: Views[] = [];
  for (const [i, scene] of scenes.entries()) {
    // The first scenes take what does not divide.
    const share = Math.ceil((2 * count - i) / scenes.length);
    for await (const views of readSpread(scene, manifest, share, signal)) {
      found.push(views);
      onWindow?.(found.length);
    }
  }
  // By turns, so that each half has windows of all scenes.
  const ranges = found.filter((_, i) => i % 2 === 0);
  const checks = found.filter((_, i) => i % 2 === 1);
  if (checks.length === 0) {
    throw new ConfigError(
      `${scenes.map(({ url }) => url).join(', ')}: ${found.length} windows with data of ${manifest.window} px, and calibration needs two at least; add a larger scene (--scene)`,
      { pointer: '--scene', value: found.length },
    );
  }
  return { ranges, checks };
}

async function* readSpread(
  scene: Scene,
  manifest: ModelManifest,
  count: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Views> {
  const { width, height } = scene.grid;
  const { window, distances, padTo, geometry: mode } = manifest;
  const plan = planFrusta({ width, height, window, distances, padTo, stride: window, mode });
  const reader = createFrustumReader({ scene, plan });
  let taken = 0;
  for (const place of spreadPlaces(plan.count)) {
    if (taken === count) return;
    throwIfStopped(signal);
    const frustum = frustumAt(plan, Math.floor(place / plan.columns.length), place % plan.columns.length);
    if (!(await hasData(scene, frustum, signal))) continue;
    const [local, short, long] = await reader.readFrustum(frustum, signal);
    taken++;
    yield { local: local!, short: short!, long: long! };
  }
}

/** All of 0..count-1, each beginning of the order spread evenly over them. */
export function* spreadPlaces(count: number): Generator<number> {
  const taken = new Set<number>();
  for (let i = 0; taken.size < count; i++) {
    const place = Math.floor(((0.5 + i * GOLDEN) % 1) * count);
    if (taken.has(place)) continue;
    taken.add(place);
    yield place;
  }
}

async function hasData(
  scene: Scene,
  { windows }: Frustum,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { width, height } = scene.grid;
  const inside = intersectWindows(windows[0]!, { x: 0, y: 0, width, height });
  if (inside === null) return false;
  const valid = await scene.readValidity(inside, signal);
  return valid === null || valid.includes(1);
}
