import { TiffTag } from '@cogeotiff/core';
import type { Directory } from './read-header.ts';
import { unescapeXml } from './unescape-xml.ts';

/** One item of GDAL's metadata (tag 42112). `sample` is a 0-based band, or `null` for the whole file. */
export interface GdalItem {
  readonly name: string;
  readonly value: string;
  readonly sample: number | null;
  readonly role: string | null;
  readonly domain: string | null;
}

/** The items of GDAL's metadata tag; none if it is absent. The file's own order. */
export async function readGdalItems(directory: Directory): Promise<readonly GdalItem[]> {
  const xml = await directory.text(TiffTag.GdalMetadata);
  if (xml === null) return [];
  const items: GdalItem[] = [];
  for (const match of xml.matchAll(/<Item\b([^>]*)>([^<]*)<\/Item>/g)) {
    const attributes = new Map<string, string>();
    for (const pair of match[1]!.matchAll(/(\w+)="([^"]*)"/g)) {
      attributes.set(pair[1]!, unescapeXml(pair[2]!));
    }
    const sample = attributes.get('sample');
    items.push({
      name: attributes.get('name') ?? '',
      // GDAL escapes values twice.
      value: unescapeXml(unescapeXml(match[2]!)),
      sample: sample === undefined ? null : Number(sample),
      role: attributes.get('role') ?? null,
      domain: attributes.get('domain') ?? null,
    });
  }
  return items;
}

/** Value by band of one role, e.g. `description`, `scale`; `null` where a band has none. */
export function itemsByBand(
  items: readonly GdalItem[],
  role: string,
  bands: number,
): readonly (string | null)[] {
  const values: (string | null)[] = new Array(bands).fill(null);
  for (const item of items) {
    if (item.role === role && item.sample !== null && item.sample < bands) values[item.sample] = item.value;
  }
  return values;
}

/**
 * GDAL_NODATA (tag 42113) as a number, which may be NaN.
 * @returns `null` if there is none; `undefined` if its text is not a number
 */
export async function readNodata(directory: Directory): Promise<number | null | undefined> {
  const text = (await directory.text(TiffTag.GdalNoData))?.trim();
  if (text === undefined || text === '') return null;
  if (/^[+-]?nan|^[+-]?1\.#(ind|qnan)/i.test(text)) return Number.NaN;
  if (/^[+-]?(inf|1\.#inf)/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}

/** ColorMap (tag 320) as 8-bit entries: index -> [r, g, b]; `null` if there is none. */
export async function readColorTable(
  directory: Directory,
): Promise<readonly (readonly [number, number, number])[] | null> {
  const map = await directory.numbers(TiffTag.ColorMap);
  if (map === null || map.length < 3) return null;
  const size = Math.floor(map.length / 3);
  // Some writers put 8-bit values where 16-bit ones belong.
  const shift = map.every((value) => value < 256) ? 0 : 8;
  return Array.from({ length: size }, (_, i) => [
    map[i]! >> shift,
    map[size + i]! >> shift,
    map[2 * size + i]! >> shift,
  ]);
}
