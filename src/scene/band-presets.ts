import type { BandForm } from './select-bands.ts';

/** Where red, green and blue are in files of one kind. */
export interface BandPreset {
  readonly name: string;
  readonly about: string;
  /** Where the order of bands is documented. */
  readonly source: string;
  /** What red, green and blue are called in band descriptions; tried first. */
  readonly names?: readonly [red: readonly string[], green: readonly string[], blue: readonly string[]];
  /** By the number of bands (and bits, where they matter) if the file does not name all three. */
  readonly forms: readonly (Pick<BandForm, 'bandCount' | 'bands'> & Partial<Pick<BandForm, 'bits'>>)[];
}

const COLOURS = [
  ['red', 'r'],
  ['green', 'g'],
  ['blue', 'b'],
] as const;

const GID_FORMS = [
  { bits: 8, bandCount: 4, bands: [2, 3, 4] },
  { bits: 16, bandCount: 4, bands: [3, 2, 1] },
  { bits: 8, bandCount: 3, bands: [1, 2, 3] },
] as const;

/** Bands by the number of a satellite's band, in the spellings that archives and tools use. */
function numbered(red: number, green: number, blue: number, ...prefixes: readonly string[]) {
  const names = (band: number, colour: string) => [...prefixes.map((prefix) => `${prefix}${band}`), colour];
  return [names(red, 'red'), names(green, 'green'), names(blue, 'blue')] as const;
}

/** The presets of `--bands NAME` and of a pipeline's `bands`. */
export const BAND_PRESETS: readonly BandPreset[] = [
  {
    name: 'rgb',
    about: 'the bands called red, green and blue, else the first three',
    source: 'TIFF 6.0, PhotometricInterpretation = 2 (RGB)',
    names: COLOURS,
    forms: [3, 4, 5, 6, 7, 8].map((bandCount) => ({ bandCount, bands: [1, 2, 3] as const })),
  },
  {
    name: 'gid',
    about: 'GID scenes: 8-bit NIR, red, green, blue; 16-bit blue, green, red, NIR; 8-bit RGB copies',
    source: 'GID data set of Tong et al. (2020), the forms in which its files come',
    forms: GID_FORMS,
  },
  {
    name: 'fbps',
    about: 'Five-Billion-Pixels scenes: the same three forms as GID',
    source: 'Five-Billion-Pixels data set of Tong et al. (2023), the forms in which its files come',
    forms: GID_FORMS,
  },
  {
    name: 'gaofen2',
    about: 'Gaofen-1 and -2 multispectral products: blue, green, red, NIR',
    source:
      'China Centre for Resources Satellite Data and Application, PMS: bands 1 to 4 at 0.45-0.52, 0.52-0.59, 0.63-0.69, 0.77-0.89 um',
    names: COLOURS,
    forms: [{ bandCount: 4, bands: [3, 2, 1] }],
  },
  {
    name: 'sentinel2',
    about:
      'Sentinel-2: B04, B03, B02 in stacks of all 13 bands, of 12 (level 2A), of 10 (10 and 20 m) or of 4 (10 m)',
    source: 'ESA Sentinel-2 MSI: B02 490 nm, B03 560 nm, B04 665 nm; stacks in the order B01 ... B12',
    names: numbered(4, 3, 2, 'b'),
    forms: [
      { bandCount: 13, bands: [4, 3, 2] },
      { bandCount: 12, bands: [4, 3, 2] },
      { bandCount: 10, bands: [3, 2, 1] },
      { bandCount: 4, bands: [3, 2, 1] },
    ],
  },
  {
    name: 'landsat8',
    about: 'Landsat 8 and 9: bands 4, 3, 2 in stacks that begin with band 1 (coastal)',
    source: 'USGS Landsat 8-9 OLI/TIRS band designations: 1 coastal, 2 blue, 3 green, 4 red',
    names: numbered(4, 3, 2, 'b', 'sr_b'),
    forms: [7, 8, 9, 10, 11].map((bandCount) => ({ bandCount, bands: [4, 3, 2] as const })),
  },
  {
    name: 'landsat7',
    about: 'Landsat 4, 5 and 7: bands 3, 2, 1 in stacks that begin with band 1 (blue)',
    source: 'USGS Landsat TM and ETM+ band designations: 1 blue, 2 green, 3 red',
    names: numbered(3, 2, 1, 'b', 'sr_b'),
    forms: [6, 7, 8, 9].map((bandCount) => ({ bandCount, bands: [3, 2, 1] as const })),
  },
  {
    name: 'naip',
    about: 'NAIP quarter quads: red, green, blue, NIR, or red, green, blue',
    source: 'USDA NAIP: 4-band (RGBN) and natural colour (RGB) imagery',
    names: COLOURS,
    forms: [
      { bandCount: 4, bands: [1, 2, 3] },
      { bandCount: 3, bands: [1, 2, 3] },
    ],
  },
  {
    name: 'planetscope',
    about: 'PlanetScope: blue, green, red, NIR, or the 8 bands of SuperDove',
    source:
      'Planet PSScene: 4 bands blue, green, red, NIR; 8 bands coastal, blue, green I, green, yellow, red, red edge, NIR',
    names: COLOURS,
    forms: [
      { bandCount: 4, bands: [3, 2, 1] },
      { bandCount: 8, bands: [6, 4, 2] },
    ],
  },
  {
    name: 'worldview',
    about: 'WorldView-2 and -3: 8 bands coastal to NIR 2, or blue, green, red, NIR',
    source:
      'WorldView-2 and -3 multispectral order: coastal, blue, green, yellow, red, red edge, NIR 1, NIR 2',
    names: COLOURS,
    forms: [
      { bandCount: 8, bands: [5, 3, 2] },
      { bandCount: 4, bands: [3, 2, 1] },
    ],
  },
];

/** Other names of presets. */
const ALIASES: Readonly<Record<string, string>> = {
  gf1: 'gaofen2',
  gf2: 'gaofen2',
  gaofen1: 'gaofen2',
  s2: 'sentinel2',
  landsat9: 'landsat8',
  landsat5: 'landsat7',
  landsat4: 'landsat7',
  worldview2: 'worldview',
  worldview3: 'worldview',
};

/** The preset of a name, in any case and with or without dashes; `null` if there is none. */
export function findBandPreset(name: string): BandPreset | null {
  const plain = name.trim().toLowerCase().replace(/[-_ ]/g, '');
  const wanted = ALIASES[plain] ?? plain;
  return BAND_PRESETS.find((preset) => preset.name === wanted) ?? null;
}
