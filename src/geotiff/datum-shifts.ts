/**
 * Datum shifts to WGS 84 of national systems that the EPSG definitions at hand come without: seven parameters (position
 * vector) or three translations, the ones that PROJ takes where it has no grids. Right to some metres; without them places
 * would be some hundred metres off.
 */
const SHIFTS: readonly {
  /** EPSG codes, or first and last of a range. */
  readonly codes: readonly (number | readonly [number, number])[];
  readonly towgs84: string;
}[] = [
  // CH1903, CH1903+ (Switzerland)
  { codes: [2056, 21780, 21781, 4149, 4150], towgs84: '674.374,15.056,405.346,0,0,0,0' },
  // NTF (France)
  {
    codes: [[27561, 27564], [27571, 27574], [27581, 27584], [27591, 27594], 4275, 4807],
    towgs84: '-168,-60,320,0,0,0,0',
  },
  // DHDN (Germany)
  { codes: [[31466, 31469], 4314], towgs84: '598.1,73.7,418.2,0.202,0.045,-2.455,6.7' },
  // OSGB36 (Great Britain)
  { codes: [27700, 4277], towgs84: '446.448,-125.157,542.06,0.15,0.247,0.842,-20.489' },
  // Amersfoort (Netherlands)
  {
    codes: [28991, 28992, 4289],
    towgs84: '565.4171,50.3319,465.5524,-0.398957388243134,0.343987817378283,-1.87740163998045,4.0725',
  },
  // MGI (Austria)
  {
    codes: [[31254, 31259], [31284, 31287], 4312],
    towgs84: '577.326,90.129,463.919,5.137,1.474,5.297,2.4232',
  },
];

/** The shift of an EPSG code as `+towgs84=` takes it, or `null` if none is known here. */
export function datumShiftOf(epsg: number): string | null {
  const has = (codes: (typeof SHIFTS)[number]['codes']) =>
    codes.some((code) => (typeof code === 'number' ? code === epsg : code[0] <= epsg && epsg <= code[1]));
  return SHIFTS.find(({ codes }) => has(codes))?.towgs84 ?? null;
}
