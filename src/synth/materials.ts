/** Surfaces by number; the number is the row in {@link SPECTRA}. */
export const MATERIAL = {
  sea: 0,
  river: 1,
  darkWater: 2,
  trees: 3,
  wildTrees: 4,
  grass: 5,
  meadow: 6,
  cropLush: 7,
  cropGreen: 8,
  cropRipe: 9,
  cropStubble: 10,
  ploughed: 11,
  brightSoil: 12,
  paddyGreen: 13,
  paddyYellow: 14,
  dike: 15,
  hedge: 16,
  track: 17,
  asphalt: 18,
  concrete: 19,
  roofRed: 20,
  roofGrey: 21,
  roofWhite: 22,
  roofBlue: 23,
  roofDark: 24,
  shadow: 25,
  shrub: 26,
  bank: 27,
} as const;

/** Brightness of each material in NIR, red, green, blue, on a scale of 0 to 255 before light and haze. */
const VALUES: Readonly<Record<keyof typeof MATERIAL, readonly [number, number, number, number]>> = {
  sea: [30, 40, 62, 72],
  river: [42, 66, 82, 80],
  darkWater: [38, 50, 66, 68],
  trees: [122, 44, 58, 50],
  wildTrees: [112, 42, 55, 49],
  grass: [138, 74, 88, 66],
  meadow: [124, 84, 91, 68],
  cropLush: [168, 54, 80, 58],
  cropGreen: [146, 66, 84, 62],
  cropRipe: [134, 122, 112, 78],
  cropStubble: [116, 112, 102, 82],
  ploughed: [88, 92, 82, 70],
  brightSoil: [136, 136, 124, 104],
  paddyGreen: [140, 56, 78, 64],
  paddyYellow: [138, 96, 98, 68],
  dike: [112, 98, 92, 74],
  hedge: [116, 50, 62, 52],
  track: [134, 132, 120, 100],
  asphalt: [84, 90, 90, 90],
  concrete: [128, 134, 130, 124],
  roofRed: [112, 124, 92, 84],
  roofGrey: [108, 112, 111, 110],
  roofWhite: [176, 184, 182, 180],
  roofBlue: [116, 96, 122, 150],
  roofDark: [66, 70, 72, 76],
  shadow: [26, 26, 30, 36],
  shrub: [118, 60, 70, 56],
  bank: [118, 106, 100, 84],
};

/** {@link VALUES} as four int16 a material. */
export const SPECTRA: Int16Array = Int16Array.from(
  Object.entries(MATERIAL)
    .sort(([, p], [, q]) => p - q)
    .flatMap(([name]) => VALUES[name as keyof typeof MATERIAL]),
);

/** What the painters fill: one value a pixel of a strip. */
export interface Canvas {
  readonly label: Uint8Array;
  readonly material: Uint8Array;
  /** Brightness in 1/256 of the material's own, added to it: -128 halves it. */
  readonly tone: Int16Array;
  /** How much greener than usual: added to NIR, and half of it taken from red. */
  readonly vigour: Int8Array;
}

/** Makes a canvas of `size` pixels. */
export function createCanvas(size: number): Canvas {
  return {
    label: new Uint8Array(size),
    material: new Uint8Array(size),
    tone: new Int16Array(size),
    vigour: new Int8Array(size),
  };
}

/** Puts one pixel. */
export function put(
  canvas: Canvas,
  at: number,
  label: number,
  material: number,
  tone: number,
  vigour: number,
): void {
  canvas.label[at] = label;
  canvas.material[at] = material;
  canvas.tone[at] = tone;
  canvas.vigour[at] = vigour;
}
