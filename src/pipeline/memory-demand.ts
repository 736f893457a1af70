import type { ModelManifest } from '../model/manifest.ts';
import type { Scene } from '../scene/open-scene.ts';
import { isGeneralised } from '../vectorize/generalisation.ts';
import { DEFAULT_GRAPH_BYTES } from '../vectorize/graph-budget.ts';
import type { MemoryDemand } from './estimate-memory.ts';
import type { SegmentTask } from './plan-segment.ts';
import type { PolygonOptions } from './polygon-options.ts';

/** What a planned run will hold. */
export function demandOf(
  part: MemoryDemand['part'],
  scene: Pick<Scene, 'grid' | 'decoded'>,
  { plan, area, config }: Pick<SegmentTask, 'plan' | 'area' | 'config'>,
  manifest: ModelManifest,
): MemoryDemand {
  const { width, height } = area.bounds;
  return {
    part,
    scene: { ...scene.grid, ...scene.decoded },
    plan,
    model: { ...manifest, classCount: manifest.classes.length, scoreStride: manifest.scores.stride },
    blend: config.blend,
    tta: config.tta,
    outputs: { width, height },
    preview: config.preview,
    vector: vectorDemand(config.vector, config.polygons, width * height),
    ...loadOf(config),
  };
}

/** What the network's processes are to do at once. Windows that a GPU takes together are in its own memory. */
function loadOf({
  provider,
  workers = 1,
  batch = 1,
}: Pick<SegmentTask['config'], 'provider' | 'workers' | 'batch'>): { workers: number; batch: number } {
  return { workers, batch: provider === 'cpu' ? batch : 1 };
}

/** Borders that generalising keeps, for a pixel: maps of six classes with speckle take about half of it. */
export const GRAPH_BYTES_A_PIXEL = 1;

/** What polygons take: borders are kept only where something is to be done to them. */
export function vectorDemand(
  files: readonly string[],
  polygons: PolygonOptions,
  pixels: number,
): MemoryDemand['vector'] {
  const limit = polygons.maxGraphBytes ?? DEFAULT_GRAPH_BYTES;
  const generalised = files.length > 0 && isGeneralised(polygons);
  return {
    files: files.length,
    tiles: files.some((file) => file.toLowerCase().endsWith('.pmtiles')),
    graphBytes: generalised ? Math.min(limit, GRAPH_BYTES_A_PIXEL * pixels) : 0,
  };
}
