import { type LandCoverClass, NODATA_CLASS } from '../core/classes.ts';
import type { ClassRaster } from '../scene/read-class-raster.ts';

/** Key of a class's name in the metadata of `landcover.tif`. */
const NAME_KEY = /^CLASS_(\d+)$/;

/**
 * The classes that a class raster itself knows: names from Frustum's metadata, colours from its palette. A palette entry
 * without a name is a class only if it is not black, since palettes are padded with black.
 */
export function classesOfRaster(raster: ClassRaster): LandCoverClass[] {
  const names = new Map<number, string>();
  for (const [key, value] of Object.entries(raster.info.metadata)) {
    const match = NAME_KEY.exec(key);
    if (match !== null) names.set(Number(match[1]), value);
  }
  const classes: LandCoverClass[] = [];
  for (let id = 0; id < NODATA_CLASS; id++) {
    const rgb = raster.colorTable?.[id] ?? [0, 0, 0];
    const name = names.get(id);
    if (name === undefined && (raster.colorTable === null || rgb.every((v) => v === 0))) continue;
    const color = `#${rgb.map((v) => v.toString(16).padStart(2, '0')).join('')}`;
    classes.push({ id, name: name ?? `class ${id}`, color });
  }
  return classes;
}
