import type { LandCoverClass } from '../../core/classes.ts';
import type { CoverageSpace } from '../../core/coverage.ts';
import type { Crs } from '../../core/crs.ts';
import type { Grid } from '../../core/grid.ts';
import { isPlaced } from '../../core/place-pixels.ts';
import { defineCrs } from '../crs-definition.ts';
import { vectorFormatOf } from '../vector-formats.ts';
import { classesForStac, confidenceBand, groundSize } from './bands.ts';
import { boundsOfGrid, type FootprintGeometry, footprintOf } from './footprint.ts';
import { mediaOf } from './media.ts';
import type { SceneTime } from './time.ts';

/** File name of a run's STAC Item in its output folder, and of a model's in its own. */
export const STAC_ITEM_FILE = 'stac-item.json';

/** Key of `run.json` among the assets. */
const RUN_KEY = 'run';

const STAC_VERSION = '1.1.0';

const EXTENSIONS = {
  projection: 'https://stac-extensions.github.io/projection/v2.0.0/schema.json',
  raster: 'https://stac-extensions.github.io/raster/v1.1.0/schema.json',
  classification: 'https://stac-extensions.github.io/classification/v2.0.0/schema.json',
  processing: 'https://stac-extensions.github.io/processing/v1.1.0/schema.json',
  file: 'https://stac-extensions.github.io/file/v2.1.0/schema.json',
} as const;

export interface StacLink {
  readonly rel: string;
  readonly href: string;
  readonly type?: string;
  readonly title?: string;
  readonly [field: string]: unknown;
}

export interface StacAsset {
  readonly href: string;
  readonly type: string;
  readonly roles: readonly string[];
  readonly [field: string]: unknown;
}

/** A STAC 1.1.0 Item, as JSON. */
export interface StacItem {
  readonly type: 'Feature';
  readonly stac_version: typeof STAC_VERSION;
  readonly stac_extensions: readonly string[];
  readonly id: string;
  readonly geometry: FootprintGeometry | null;
  readonly bbox?: readonly [number, number, number, number];
  readonly properties: Readonly<Record<string, unknown>>;
  readonly links: readonly StacLink[];
  readonly assets: Readonly<Record<string, StacAsset>>;
  readonly collection?: string;
}

export interface StacItemOptions {
  /** Unique in a batch. */
  readonly id: string;
  readonly title: string;
  readonly grid: Grid;
  readonly time: SceneTime;
  /** All classes of the model, with their pixels in this scene. */
  readonly classes: readonly (LandCoverClass & { readonly pixels: number })[];
  /** Pixels with data of each confidence, 0 to 255. */
  readonly confidenceCounts: ArrayLike<number>;
  /** Files of the run beside the item. */
  readonly files: readonly { readonly file: string; readonly sizeBytes: number; readonly sha256: string }[];
  /** Coordinates of those that hold polygons, by file name. */
  readonly spaces?: Readonly<Record<string, CoverageSpace>>;
  /** What was run, in a sentence. */
  readonly lineage: string;
  /** Versions by name. */
  readonly software: Readonly<Record<string, string>>;
  readonly model: {
    readonly name: string;
    /** Where its own STAC Item is, relative to this one; `null` if it has none. */
    readonly href: string | null;
  };
}

/**
 * The STAC Item of a finished run: where and when, what classes, how made, with which model, and its files with sizes and
 * checksums. Its links are relative, so that the folder can be moved.
 */
export function describeItem(options: StacItemOptions): StacItem {
  const { id, title, grid, time, lineage, software, model } = options;
  const footprint = footprintOf(grid);
  const placed = isPlaced(grid) && grid.crs !== null;
  const { projection, ...others } = EXTENSIONS;
  return {
    type: 'Feature',
    stac_version: STAC_VERSION,
    stac_extensions: [...(placed ? [projection] : []), ...Object.values(others)],
    id,
    geometry: footprint?.geometry ?? null,
    ...(footprint && { bbox: footprint.bbox }),
    properties: {
      title,
      ...time,
      ...groundSize(grid),
      ...projectionOf(grid),
      'processing:lineage': lineage,
      'processing:software': software,
    },
    links: linksOf(model),
    assets: assetsOf(options),
  };
}

function projectionOf(grid: Grid): Record<string, unknown> {
  const { width, height, transform: t, crs } = grid;
  if (!isPlaced(grid) || crs === null) return {};
  return {
    ...codeOf(crs),
    'proj:shape': [height, width],
    // A scene placed by control points or by a camera has no affine transform.
    ...(t && { 'proj:transform': [t.a, t.b, t.c, t.d, t.e, t.f], 'proj:bbox': boundsOfGrid(grid) }),
  };
}

function codeOf(crs: Crs): Record<string, unknown> {
  const projJson = crs.epsg === null ? defineCrs(crs).projJson : null;
  return {
    'proj:code': crs.epsg === null ? null : `EPSG:${crs.epsg}`,
    ...(projJson && { 'proj:projjson': projJson }),
  };
}

/** A file of polygons says its own CRS: without one, readers would take the item's, which is the rasters'. */
function spaceFields(space: CoverageSpace | undefined): Record<string, unknown> {
  if (space?.kind === 'wgs84') return { 'proj:code': 'EPSG:4326' };
  return space?.kind === 'crs' ? codeOf(space.crs) : {};
}

/** How the MLM extension ties a product to the model that it came of. */
function linksOf({ name, href }: StacItemOptions['model']): StacLink[] {
  if (href === null) return [];
  const title = `The model ${name}`;
  return [{ rel: 'derived_from', href, type: 'application/geo+json', title, 'mlm:name': name }];
}

function assetsOf(options: StacItemOptions): Record<string, StacAsset> {
  const { files, classes, confidenceCounts, grid, spaces = {} } = options;
  const assets: Record<string, StacAsset> = {};
  for (const { file, sizeBytes, sha256 } of files) {
    const detail =
      file === 'landcover.tif'
        ? { title: 'Land cover', ...classesForStac(classes, grid) }
        : file === 'confidence.tif'
          ? { title: 'Confidence', ...confidenceBand(confidenceCounts, grid) }
          : file === 'landcover-sieved.tif'
            ? { title: 'Land cover, small areas merged', ...classesForStac(classes, grid, false) }
            : spaceFields(spaces[file]);
    let key = keyOf(file);
    while (key in assets || key === RUN_KEY) key += '-2';
    assets[key] = {
      href: `./${file}`,
      ...mediaOf(file in spaces ? `.${vectorFormatOf(file, '--vector')}` : file),
      ...detail,
      'file:size': sizeBytes,
      // A multihash: 0x12 for SHA-256, then its length of 0x20 bytes.
      'file:checksum': `1220${sha256}`,
    };
  }
  // Written after this item, and describes it: no checksum can be given.
  assets[RUN_KEY] = {
    href: './run.json',
    ...mediaOf('run.json'),
    title: 'What was run, with all settings and counts',
  };
  return assets;
}

/** `landcover.tif` is `landcover`, `preview.png` is `preview`; where a name goes with several endings, they tell apart. */
function keyOf(file: string): string {
  return file.replace(/\.(tif|png|html)$/, '').replaceAll('.', '-');
}
