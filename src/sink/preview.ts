import sharp from 'sharp';
import { type LandCoverClass, NODATA_CLASS, parseColor } from '../core/classes.ts';
import type { Grid } from '../core/grid.ts';
import { measurePixel } from '../core/place-pixels.ts';
import type { ScenePixels } from '../core/ports.ts';
import type { ClassRows } from '../core/raster.ts';
import { openAtomicFile } from '../io/atomic-file.ts';
import type { RasterSink } from './cog.ts';
import { type LegendEntry, layOutPreview, type Placement, sizePanel } from './preview-page.ts';
import { loadTypeface } from './preview-text.ts';
import { createClassThumbnail, createSceneThumbnail, stretchForDisplay } from './preview-thumbnail.ts';

export interface PreviewOptions {
  readonly path: string;
  /** The scene; read once, in the rows that {@link RasterSink.writeRows} gets. */
  readonly scene: ScenePixels;
  readonly classes: readonly LandCoverClass[];
  /** The headline, e.g. the scene's name. */
  readonly title: string;
  /** Said after the scene's size and CRS, e.g. the model's name. */
  readonly subtitle?: string;
}

/** Pixels a side of the scene windows that are read at a time. */
const WINDOW = 1024;

/**
 * `preview.png`: the scene and its class map side by side, at most 1600 pixels wide, with a legend of the classes that
 * occur and their share of the pixels with data. Grows with the picture, not with the scene.
 * @throws SourceError if the file cannot be made.
 */
export async function openPreviewSink(options: PreviewOptions): Promise<RasterSink> {
  const { scene, classes, title, subtitle } = options;
  const { grid } = scene;
  const typeface = await loadTypeface();
  const file = await openAtomicFile(options.path);
  const panel = sizePanel(grid);
  const classThumbnail = createClassThumbnail(grid, panel, Math.max(...classes.map((c) => c.id)) + 1);
  const sceneThumbnail = createSceneThumbnail(grid, panel);

  const render = async (): Promise<Uint8Array> => {
    const ids = classThumbnail.finish();
    const hasData = (pixel: number) => ids[pixel] !== NODATA_CLASS;
    const picture = sceneThumbnail.finish();
    stretchForDisplay(picture, hasData);
    const page = layOutPreview({
      grid,
      panel,
      title,
      subtitle: [describeGrid(grid), subtitle].filter(Boolean).join('  ·  '),
      legend: legendOf(classes, classThumbnail.counts),
      typeface,
    });
    const overlays = [
      { place: page.scene, pixels: withAlpha(picture, hasData) },
      { place: page.classes, pixels: paint(ids, classes) },
    ].map(async ({ place, pixels }) => ({
      input: await enlarge(pixels, panel, place),
      left: place.x,
      top: place.y,
    }));
    return sharp(Buffer.from(page.svg))
      .composite(await Promise.all(overlays))
      .removeAlpha()
      .png({ compressionLevel: 9, adaptiveFiltering: true })
      .toBuffer();
  };

  const finish = async () => {
    if (file.position > 0) return;
    try {
      await file.write(await render());
      await file.flush();
    } catch (error) {
      await file.abort();
      throw error;
    }
  };

  return {
    path: file.path,
    sideFiles: [],
    async writeRows(rows) {
      classThumbnail.add(rows);
      for (const window of windowsOf(rows, grid.width)) {
        sceneThumbnail.add(window, await scene.readRgb(window));
      }
    },
    finish,
    async close() {
      await finish();
      await file.commit();
    },
    abort: file.abort,
  };
}

function* windowsOf({ y, rowCount }: ClassRows, sceneWidth: number) {
  for (let top = y; top < y + rowCount; top += WINDOW) {
    const height = Math.min(WINDOW, y + rowCount - top);
    for (let x = 0; x < sceneWidth; x += WINDOW) {
      yield { x, y: top, width: Math.min(WINDOW, sceneWidth - x), height };
    }
  }
}

/** The classes that occur, the most frequent first; all of them, without shares, for a scene without data. */
function legendOf(classes: readonly LandCoverClass[], counts: Float64Array): LegendEntry[] {
  const total = classes.reduce((sum, { id }) => sum + counts[id]!, 0);
  return classes
    .map(({ id, name, color }) => ({ name, color, share: total === 0 ? 0 : counts[id]! / total }))
    .filter((entry) => total === 0 || entry.share > 0)
    .sort((p, q) => q.share - p.share);
}

function describeGrid(grid: Grid): string {
  const { width, height, crs } = grid;
  const size = `${width} × ${height} pixels`;
  const [pixel] = measurePixel(grid) ?? [];
  if (pixel === undefined || crs === null) return `${size}  ·  not georeferenced`;
  const unit = crs.metresPerUnit === null ? '°' : ' m';
  const ground = Number((pixel * (crs.metresPerUnit ?? 1)).toPrecision(3));
  return `${size} of ${ground}${unit}  ·  ${crs.name}`;
}

/** uint8 RGBA of the scene, clear where there is no data. */
function withAlpha(rgb: Uint8Array, hasData: (pixel: number) => boolean): Uint8Array {
  const rgba = new Uint8Array((rgb.length / 3) * 4);
  for (let i = 0; i < rgb.length / 3; i++) {
    rgba.set(rgb.subarray(i * 3, i * 3 + 3), i * 4);
    rgba[i * 4 + 3] = hasData(i) ? 255 : 0;
  }
  return rgba;
}

/** uint8 RGBA of the class map, clear where there is no data. */
function paint(ids: Uint8Array, classes: readonly LandCoverClass[]): Uint8Array {
  const colors = new Map(classes.map(({ id, color }) => [id, [...parseColor(color), 255]]));
  const rgba = new Uint8Array(ids.length * 4);
  ids.forEach((id, i) => {
    rgba.set(colors.get(id) ?? [0, 0, 0, 0], i * 4);
  });
  return rgba;
}

/** Enlarges without smoothing: pixels of small scenes stay square. */
async function enlarge(
  rgba: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  place: Placement,
): Promise<Buffer> {
  return sharp(rgba, { raw: { width, height, channels: 4 } })
    .resize(place.width, place.height, { kernel: 'nearest' })
    .png({ compressionLevel: 0 })
    .toBuffer();
}
