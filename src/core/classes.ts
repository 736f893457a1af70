/** One land-cover class of a model. */
export interface LandCoverClass {
  /** The value in class rasters, 0 to 254; also the index of the model's score channel. */
  readonly id: number;
  readonly name: string;
  /** `#rrggbb` */
  readonly color: string;
}

/** The class value that marks pixels without data, in class rows and in `landcover.tif`. */
export const NODATA_CLASS = 255;

/** `#rrggbb` as three bytes. */
export function parseColor(color: string): [r: number, g: number, b: number] {
  const n = Number.parseInt(color.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}

/** A class's name in letters, digits, `-` and `_` only, as catalogues ask for; `class-ID` where nothing is left of it. */
export function classSlug({ id, name }: Pick<LandCoverClass, 'id' | 'name'>): string {
  const slug = name
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .replace(/[^0-9A-Za-z_]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return slug === '' ? `class-${id}` : slug;
}
