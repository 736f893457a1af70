import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { GeoTiffInfo } from '../../src/geotiff/open-geotiff.ts';
import { BAND_PRESETS, findBandPreset } from '../../src/scene/band-presets.ts';
import { selectBands } from '../../src/scene/select-bands.ts';

const file = (names: number | readonly (string | null)[], more: Partial<GeoTiffInfo> = {}) => {
  const bandNames = typeof names === 'number' ? Array(names).fill(null) : names;
  return {
    url: 'a.tif',
    bands: bandNames.length,
    bandNames,
    bitsPerSample: 16,
    photometric: 'black is zero',
    alphaBand: null,
    ...more,
  } as unknown as GeoTiffInfo;
};
const numbers = (info: GeoTiffInfo, choice: string) => selectBands(info, choice).indices.map((i) => i + 1);

describe('a preset', () => {
  test.each([
    ['gaofen2', file(4), [3, 2, 1]],
    ['GF-2', file(4), [3, 2, 1]],
    ['gid', file(4), [3, 2, 1]],
    ['gid', file(4, { bitsPerSample: 8 }), [2, 3, 4]],
    ['fbps', file(3, { bitsPerSample: 8 }), [1, 2, 3]],
    ['sentinel2', file(13), [4, 3, 2]],
    ['Sentinel-2', file(12), [4, 3, 2]],
    ['sentinel2', file(4), [3, 2, 1]],
    ['sentinel2', file(10), [3, 2, 1]],
    ['landsat8', file(7), [4, 3, 2]],
    ['landsat9', file(11), [4, 3, 2]],
    ['landsat7', file(8), [3, 2, 1]],
    ['naip', file(4, { bitsPerSample: 8 }), [1, 2, 3]],
    ['planetscope', file(4), [3, 2, 1]],
    ['planetscope', file(8), [6, 4, 2]],
    ['worldview3', file(8), [5, 3, 2]],
    ['rgb', file(5), [1, 2, 3]],
  ] as const)('%s goes by the number of bands where there are no names', (name, info, expected) => {
    expect(numbers(info, name)).toEqual(expected);
  });

  test.each([
    ['sentinel2', ['B02', 'B03', 'B04', 'B08', 'SCL'], [3, 2, 1]],
    ['sentinel2', ['b8', 'b4', 'b3', 'b2'], [2, 3, 4]],
    [
      'sentinel2',
      ['B4, central wavelength 665 nm', 'B3, central wavelength 560 nm', 'B2, central wavelength 490 nm'],
      [1, 2, 3],
    ],
    ['landsat8', ['SR_B2', 'SR_B3', 'SR_B4'], [3, 2, 1]],
    ['landsat8', ['B1', 'B10', 'B2', 'B3', 'B4'], [5, 4, 3]],
    ['rgb', ['NIR', 'Red', 'GREEN', 'blue'], [2, 3, 4]],
    [
      'planetscope',
      ['coastal_blue', 'blue', 'green_i', 'green', 'yellow', 'red', 'rededge', 'nir'],
      [6, 4, 2],
    ],
    ['naip', ['Nir', 'Blue', 'Green', 'Red'], [4, 3, 2]],
  ] as const)('%s goes by names first: %j', (name, bandNames, expected) => {
    expect(numbers(file(bandNames), name)).toEqual(expected);
  });

  test('is not misled by a file of another order that is marked RGB', () => {
    expect(numbers(file(4, { photometric: 'RGB' }), 'gaofen2')).toEqual([3, 2, 1]);
    expect(numbers(file(4, { photometric: 'RGB' }), 'rgb')).toEqual([1, 2, 3]);
  });

  test('is said without names that the file itself does not give and the choice does not share', () => {
    const marked = file(4, { photometric: 'RGB' });
    expect(selectBands(marked, 'gaofen2').labels).toEqual(['3', '2', '1']);
    expect(selectBands(marked, [4, 1, 2]).labels).toEqual(['4', '1', '2']);
    expect(selectBands(marked, 'rgb').labels).toEqual(['1 red', '2 green', '3 blue']);
    expect(selectBands(marked, ['blue', 'green', 'red']).labels).toEqual(['3 blue', '2 green', '1 red']);
    const named = file(['nir', 'red', 'green', 'blue'], { photometric: 'RGB' });
    expect(selectBands(named, [4, 3, 2]).labels).toEqual(['4 blue', '3 green', '2 red']);
  });

  test('leaves alpha out of the count', () => {
    expect(numbers(file(5, { bitsPerSample: 8, alphaBand: 4 }), 'gid')).toEqual([2, 3, 4]);
  });

  test('that does not know the file says what it takes and what the file has', () => {
    expect(() => selectBands(file(['a', 'b', null, 'd', 'e']), 'sentinel2')).toThrow(
      'a.tif has 5 bands of 16 bits, which the preset sentinel2 does not know: it takes bands called b4, b3, b2, or files of 13, 12, 10, 4 bands; its bands are 1 a, 2 b, 4 d, 5 e; give three of them with --bands',
    );
    expect(() => selectBands(file(3), 'gid')).toThrow(
      /files of 4 \(8-bit\), 4 \(16-bit\), 3 \(8-bit\) bands; its bands are 1 to 3, without names/,
    );
    expect(() => selectBands(file(3), 'spot')).toThrow(
      /no band preset is called spot; there are rgb, gid, fbps, gaofen2, sentinel2, landsat8/,
    );
  });

  test('each is named once, says where its order is from, and holds bands that are there', () => {
    expect(new Set(BAND_PRESETS.map(({ name }) => name)).size).toBe(BAND_PRESETS.length);
    for (const { name, forms, source, about } of BAND_PRESETS) {
      expect(findBandPreset(name)?.name).toBe(name);
      expect(source.length).toBeGreaterThan(10);
      expect(about.length).toBeGreaterThan(10);
      for (const { bandCount, bands } of forms) {
        expect(new Set(bands).size).toBe(3);
        for (const band of bands) expect(Number(band)).toBeLessThanOrEqual(bandCount);
      }
    }
  });

  test.each(['gid', 'fbps'])('%s is what the pipeline of that name says', async (name) => {
    const pipeline = JSON.parse(await readFile(`pipelines/${name}.json`, 'utf8'));
    expect(findBandPreset(name)?.forms).toEqual(pipeline.bands);
  });
});

describe('a name', () => {
  test('is found in any case, whole or by its first word, if that is only one band', () => {
    const info = file(['B04 - red', 'B4', 'Near infrared', 'near-by', 'SWIR 1', 'SWIR 2']);
    const find = (name: string) => selectBands(info, [name, 1, 1]).indices[0];
    expect(find('b4')).toBe(1);
    expect(find('NEAR INFRARED')).toBe(2);
    expect(find('near')).toBe(2);
    expect(() => find('swir')).toThrow(/no band called swir; it names 1 B04 - red, 2 B4, 3 Near infrared/);
    expect(() => find('b04')).toThrow(/no band called b04/);
  });
});
