import type { Grid } from '../core/grid.ts';
import { isPlaced } from '../core/place-pixels.ts';
import type { Window } from '../core/window.ts';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import type { PlaceRecord } from './place/place-record.ts';
import type { SceneFile } from './scene-file.ts';
import { nodataForJson } from './scene-warnings.ts';
import type { SelectedBands } from './select-bands.ts';
import type { StretchRecord } from './stretch-record.ts';

/** What was done to make pixels for the network; goes into `run.json`. */
export interface SceneMetadata {
  /** Of the file, of the list of files, or of the first of several files. */
  readonly url: string;
  readonly width: number;
  readonly height: number;
  /** The files of a scene of several, in the order in which overlaps are resolved, and where they lie in its pixels. */
  readonly files?: readonly ({ readonly url: string } & Window)[];
  /** Number from 1, and name where the file has one. */
  readonly bands: readonly [string, string, string];
  readonly stretch: StretchRecord;
  /**
   * What the stored samples of the three bands stand for: `sample * scale + offset`. Recorded, not applied: stretches are of
   * stored samples. `null` if the file says nothing.
   */
  readonly scaleOffset: readonly { readonly scale: number; readonly offset: number }[] | null;
  /** `NaN` and infinities by name; where files differ, what each distinct one says, with commas. */
  readonly nodata: number | string | null;
  /** Band number from 1 of the alpha that marks pixels without data, or `null`. */
  readonly alphaBand: number | null;
  /** Whether any file has a mask. */
  readonly mask: boolean;
  /** Masks that lie beside the files; absent if there are none. */
  readonly maskFiles?: readonly SceneFile[];
  readonly crs: string | null;
  /** True if the scene has no georeferencing: results are in pixel coordinates. */
  readonly pixelCoordinates: boolean;
  /** What places it; of the first of several files. */
  readonly place: PlaceRecord;
}

/** What {@link describePixels} is told. */
export interface PixelFacts {
  readonly url: string;
  readonly infos: readonly GeoTiffInfo[];
  /** One a file. */
  readonly windows: readonly Window[];
  readonly grid: Grid;
  readonly bands: SelectedBands;
  readonly stretch: StretchRecord;
  /** 0-based, or `null`. */
  readonly alphaBand: number | null;
  readonly place: PlaceRecord;
  readonly maskFiles: readonly SceneFile[];
}

export function describePixels(facts: PixelFacts): SceneMetadata {
  const { url, infos, windows, grid, bands, stretch, alphaBand, place, maskFiles } = facts;
  const [first] = infos as [GeoTiffInfo, ...GeoTiffInfo[]];
  const nodata = [...new Set(infos.map((info) => nodataForJson(info.nodata)))];
  return {
    url,
    width: grid.width,
    height: grid.height,
    ...(infos.length > 1 && { files: infos.map((info, i) => ({ url: info.url, ...windows[i]! })) }),
    bands: bands.labels,
    stretch,
    scaleOffset: first.scaleOffset && bands.indices.map((band) => first.scaleOffset![band]!),
    nodata: nodata.length === 1 ? nodata[0]! : nodata.map((value) => value ?? 'none').join(', '),
    alphaBand: alphaBand === null ? null : alphaBand + 1,
    mask: infos.some((info) => info.hasMask),
    ...(maskFiles.length > 0 && { maskFiles }),
    crs: grid.crs?.name ?? null,
    pixelCoordinates: !isPlaced(grid),
    place,
  };
}
