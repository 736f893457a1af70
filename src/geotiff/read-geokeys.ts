import { TiffTag } from '@cogeotiff/core';
import type { GeoKeys } from '../core/crs.ts';
import type { Directory } from './read-header.ts';

/** GeoKey id -> value. */
export type GeoKeyValues = ReadonlyMap<number, number | string | readonly number[]>;

/** The raw keys of a directory and their values; `null` if it carries none. */
export async function readGeoKeys(
  directory: Directory,
): Promise<{ readonly raw: GeoKeys; readonly values: GeoKeyValues } | null> {
  const keys = await directory.numbers(TiffTag.GeoKeyDirectory);
  if (keys === null || keys.length < 4) return null;
  const raw: GeoKeys = {
    directory: [...keys],
    doubles: [...((await directory.numbers(TiffTag.GeoDoubleParams)) ?? [])],
    ascii: (await directory.text(TiffTag.GeoAsciiParams)) ?? '',
  };
  return { raw, values: geoKeyValues(raw) };
}

/** Resolves a key directory (OGC GeoTIFF 1.1, 7.1.2): each entry is id, tag of its value, count, value or index. */
export function geoKeyValues({ directory, doubles, ascii }: GeoKeys): GeoKeyValues {
  const values = new Map<number, number | string | readonly number[]>();
  const count = Math.min(directory[3] ?? 0, Math.floor(directory.length / 4) - 1);
  for (let i = 1; i <= count; i++) {
    const [id, tag, length, at] = directory.slice(i * 4, i * 4 + 4) as [number, number, number, number];
    if (tag === 0) {
      values.set(id, at);
    } else if (tag === TiffTag.GeoDoubleParams && at + length <= doubles.length) {
      values.set(id, length === 1 ? doubles[at]! : doubles.slice(at, at + length));
    } else if (tag === TiffTag.GeoAsciiParams) {
      // Texts end in a bar, which stands for the NUL that the shared string cannot hold.
      values.set(id, ascii.slice(at, at + length).replace(/[|\0]+$/, ''));
    } else if (tag === TiffTag.GeoKeyDirectory && at + length <= directory.length) {
      values.set(id, length === 1 ? directory[at]! : directory.slice(at, at + length));
    }
  }
  return values;
}
