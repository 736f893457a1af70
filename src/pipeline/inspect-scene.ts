import geodesic from 'geographiclib-geodesic';
import { PRESETS } from '../convert/preset.ts';
import { isFrustumError } from '../core/errors.ts';
import type { Grid } from '../core/grid.ts';
import { createPixelPlacer } from '../core/place-pixels.ts';
import type { GeometryMode } from '../frustum/geometry.ts';
import { planFrusta } from '../frustum/plan.ts';
import { readModelManifest } from '../model/read-manifest.ts';
import { decodedSize } from '../scene/decoded-size.ts';
import {
  type Corner,
  type DescribeOptions,
  describeScene,
  type SceneDescription,
} from '../scene/describe-scene.ts';
import { createProjector } from '../vectorize/reproject.ts';
import { estimateMemory, type MemoryEstimate } from './estimate-memory.ts';
import { PUBLISHED_NETWORK } from './estimate-network.ts';
import { vectorDemand } from './memory-demand.ts';
import { checkStride, planWarnings } from './plan-segment.ts';

/** What a run over the scene would be. */
export interface RunForecast {
  /** The model's name, or which one is assumed. */
  readonly model: string;
  readonly window: number;
  /** Nearest first. */
  readonly distances: readonly number[];
  readonly stride: number;
  readonly mode: GeometryMode;
  /** The padded scene, in pixels. */
  readonly frame: { readonly width: number; readonly height: number };
  /** Windows that go through the network, if each holds data. */
  readonly windows: number;
  /** With GeoJSON polygons and a preview, as a run has unless told. */
  readonly memory: MemoryEstimate;
}

/** What `frustum info` says of a scene, and `frustum info --json` prints; plain data. */
export interface SceneInspection extends SceneDescription {
  /** Longitude and latitude in degrees on WGS 84 of each corner that has them; `null` without a place on the Earth. */
  readonly cornersWgs84:
    | readonly { readonly name: Corner['name']; readonly lon: number; readonly lat: number }[]
    | null;
  /** Width and height of the pixel at the centre on the WGS 84 ellipsoid, in metres. */
  readonly pixelMetres: readonly [width: number, height: number] | null;
  readonly run: RunForecast;
}

export interface InspectOptions extends DescribeOptions {
  /** Model folder; SFR-Net as published (GID) is assumed unless told. */
  readonly model?: string;
  /** As for a run. */
  readonly stride?: number;
  readonly mode?: GeometryMode;
}

/**
 * Says what a scene is, where it lies, and what a run over it would be, from headers alone.
 * @param scene as `openScene` takes it
 * @throws SourceError, FormatError, UnsupportedError, ModelError; ConfigError if settings are wrong or files do not fit each other
 */
export async function inspectScene(
  scene: string | readonly string[],
  options: InspectOptions = {},
): Promise<SceneInspection> {
  const form = await readForm(options.model);
  const stride = options.stride ?? form.window / 2;
  const mode = options.mode ?? form.geometry;
  checkStride(stride, form.window);
  const { description, grid } = await describeScene(scene, options);
  const { width, height } = description;
  const { window, distances, padTo } = form;
  const plan = planFrusta({ width, height, window, distances, padTo, stride, mode });
  const toLonLat = locatorOf(grid);
  return {
    ...description,
    cornersWgs84: toLonLat && cornersInDegrees(description, toLonLat),
    pixelMetres: toLonLat && pixelInMetres(grid, toLonLat),
    run: {
      model: form.name,
      window,
      distances,
      stride,
      mode,
      frame: plan.frame,
      windows: plan.count,
      memory: estimateMemory({
        part: 'segment',
        scene: { width, height, ...decodedSize([description]) },
        plan,
        model: form,
        blend: 'uniform',
        tta: 'none',
        outputs: { width, height },
        preview: true,
        vector: vectorDemand(['landcover.geojson'], {}, width * height),
      }),
    },
    warnings: [...description.warnings, ...planWarnings(plan, form)],
  };
}

/** What a plan needs to know of a network. */
async function readForm(model: string | undefined) {
  if (model !== undefined) {
    const manifest = await readModelManifest(model, false);
    return { ...manifest, classCount: manifest.classes.length, scoreStride: manifest.scores.stride };
  }
  return {
    name: 'SFR-Net as published for GID (--model tells another)',
    window: 512,
    distances: [1, 3, 14] as [number, number, number],
    geometry: 'reference' as const,
    padTo: 512,
    classCount: PRESETS.gid!.classes.length,
    scoreStride: 4 as const,
    ...PUBLISHED_NETWORK,
  };
}

type ToLonLat = (column: number, row: number) => readonly [lon: number, lat: number] | null;

/** The way from pixels to degrees; `null` where the scene has no place, or its CRS no known way there. */
function locatorOf(grid: Grid): ToLonLat | null {
  const place = createPixelPlacer(grid);
  if (place === null || grid.crs === null) return null;
  try {
    const project = createProjector(grid.crs);
    return (column, row) => {
      const map = place(column, row);
      const lonLat = map && project(map[0], map[1]);
      return lonLat?.every(Number.isFinite) ? lonLat : null;
    };
  } catch (error) {
    if (isFrustumError(error) && error.tag === 'UnsupportedError') return null;
    throw error;
  }
}

function cornersInDegrees({ corners }: SceneDescription, toLonLat: ToLonLat) {
  return corners.flatMap(({ name, pixel }) => {
    const lonLat = toLonLat(pixel[0], pixel[1]);
    return lonLat === null ? [] : [{ name, lon: lonLat[0], lat: lonLat[1] }];
  });
}

function pixelInMetres({ width, height }: Grid, toLonLat: ToLonLat): [number, number] | null {
  const length = (dx: number, dy: number) => {
    const from = toLonLat(width / 2 - dx, height / 2 - dy);
    const to = toLonLat(width / 2 + dx, height / 2 + dy);
    return from && to ? (geodesic.Geodesic.WGS84.Inverse(from[1], from[0], to[1], to[0]).s12 ?? null) : null;
  };
  const [across, down] = [length(0.5, 0), length(0, 0.5)];
  return across === null || down === null ? null : [across, down];
}
