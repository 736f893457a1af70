import { ConfigError } from '../core/errors.ts';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';
import { BAND_PRESETS, type BandPreset, findBandPreset } from './band-presets.ts';

/**
 * A band by number (from 1) or by name: what the file calls it, in any case, or the first word of that (`b04` and `B4` find
 * `B04 - 665 nm`).
 */
export type BandRef = number | string;

/** Which bands are red, green and blue. */
export type BandTriple = readonly [BandRef, BandRef, BandRef];

/** The bands of files of one form: applies to files with this many bits a sample and this many bands. */
export interface BandForm {
  readonly bits: number;
  readonly bandCount: number;
  readonly bands: BandTriple;
}

/** Bands for every file, a choice by the file's form, or the name of a preset (`BAND_PRESETS`). */
export type BandChoice = BandTriple | readonly BandForm[] | string;

/** Three bands of a file. */
export interface SelectedBands {
  /** 0-based. */
  readonly indices: readonly [number, number, number];
  /** As people say them: number from 1 and name, if any. */
  readonly labels: readonly [string, string, string];
}

/**
 * Resolves a band choice against a file. Without a choice, files with three or more bands give their first three.
 * @throws ConfigError if a band does not exist, or the file has too few
 */
export function selectBands(info: GeoTiffInfo, choice?: BandChoice): SelectedBands {
  const triple = tripleOf(info, choice);
  if (triple.length !== 3) {
    throw bandError(
      `three bands are needed (red, green, blue), got ${triple.length}: ${triple.join(',')}`,
      triple,
    );
  }
  const indices = triple.map((ref) => resolveBand(info, ref)) as [number, number, number];
  return { indices, labels: labelsOf(info, indices, triple) };
}

/**
 * {@link selectBands} for files of one scene.
 * @throws ConfigError also if the same names are different bands in two of them
 */
export function selectBandsOf(infos: readonly GeoTiffInfo[], choice?: BandChoice): SelectedBands {
  const [first, ...others] = infos as [GeoTiffInfo, ...GeoTiffInfo[]];
  const bands = selectBands(first, choice);
  for (const info of others) {
    const { indices } = selectBands(info, choice);
    if (indices.every((band, i) => band === bands.indices[i])) continue;
    const numbers = (list: readonly number[]) => list.map((band) => band + 1).join(',');
    throw bandError(
      `red, green and blue are bands ${numbers(indices)} of ${info.url}, but ${numbers(bands.indices)} of ${first.url}; files of one scene share their bands`,
      choice,
    );
  }
  return bands;
}

function tripleOf(info: GeoTiffInfo, choice: BandChoice | undefined): BandTriple {
  if (choice === undefined) return defaultTriple(info);
  if (typeof choice === 'string') return matchPreset(info, choice);
  return isForms(choice) ? matchForm(info, choice) : choice;
}

function matchPreset(info: GeoTiffInfo, name: string): BandTriple {
  const preset = findBandPreset(name);
  if (preset === null) {
    throw bandError(
      `no band preset is called ${name}; there are ${BAND_PRESETS.map((known) => known.name).join(', ')}; or give three numbers or names, for example 3,2,1`,
      name,
    );
  }
  // Only what the file itself calls its bands: many files of other orders are marked RGB as a whole.
  const named = preset.names?.map((names) =>
    names.map((n) => findByName(info.bandNames, n)).find((i) => i !== null),
  );
  if (named?.every((index) => index !== undefined)) {
    return named.map((index) => index! + 1) as [number, number, number];
  }
  const fits = (bandCount: number) =>
    preset.forms.find(
      (form) => form.bandCount === bandCount && (form.bits ?? info.bitsPerSample) === info.bitsPerSample,
    );
  const form = fits(info.bands) ?? (info.alphaBand === info.bands - 1 ? fits(info.bands - 1) : undefined);
  if (form) return form.bands;
  throw bandError(
    `${info.url} has ${formOf(info)}, which the preset ${preset.name} does not know: it takes ${knownTo(preset)}; ${callsOf(info)}; give three of them with --bands`,
    name,
  );
}

function knownTo({ names, forms }: BandPreset): string {
  const counted = forms.map(
    ({ bandCount, bits }) => `${bandCount}${bits === undefined ? '' : ` (${bits}-bit)`}`,
  );
  const byName = names ? `bands called ${names.map((some) => some[0]).join(', ')}, or ` : '';
  return `${byName}files of ${counted.join(', ')} bands`;
}

function formOf({ bands, bitsPerSample }: GeoTiffInfo): string {
  return `${bands} band${bands === 1 ? '' : 's'} of ${bitsPerSample} bits`;
}

/** What a user can choose from. */
function callsOf(info: GeoTiffInfo): string {
  const known = namesOf(info).flatMap((name, i) => (name === null ? [] : [`${i + 1} ${name}`]));
  return `its bands are ${known.length > 0 ? known.join(', ') : `1 to ${info.bands}, without names`}`;
}

function defaultTriple(info: GeoTiffInfo): BandTriple {
  const data = info.alphaBand === null ? info.bands : info.bands - 1;
  if (data >= 3) return [1, 2, 3];
  const some = data === 1 ? 'one band' : `${data} bands`;
  throw bandError(
    `${info.url} has ${some}, the network needs three; to see one band as grey give --bands 1,1,1`,
    info.bands,
  );
}

function isForms(choice: BandTriple | readonly BandForm[]): choice is readonly BandForm[] {
  return typeof choice[0] === 'object';
}

function matchForm(info: GeoTiffInfo, forms: readonly BandForm[]): BandTriple {
  const form = forms.find((f) => f.bits === info.bitsPerSample && f.bandCount === info.bands);
  if (form) return form.bands;
  const known = forms.map((f) => `${f.bandCount} bands of ${f.bits} bits`).join(', ');
  throw bandError(
    `${info.url} has ${formOf(info)}; this pipeline knows ${known}; name the bands with --bands`,
    forms,
  );
}

function resolveBand(info: GeoTiffInfo, ref: BandRef): number {
  const number = typeof ref === 'number' ? ref : /^\d+$/.test(ref.trim()) ? Number(ref) : null;
  if (number !== null) {
    if (Number.isInteger(number) && number >= 1 && number <= info.bands) return number - 1;
    const hint = info.bands === 1 ? '; to see one band as grey give --bands 1,1,1' : '';
    throw bandError(`${info.url} has no band ${ref}: its bands are 1 to ${info.bands}${hint}`, ref);
  }
  const index = findByName(namesOf(info), String(ref));
  if (index !== null) return index;
  const names = namesOf(info);
  const known = names.flatMap((name, i) => (name === null ? [] : [`${i + 1} ${name}`]));
  throw bandError(
    `${info.url} has no band called ${ref}; ${known.length > 0 ? `it names ${known.join(', ')}` : 'it names none'}; give numbers from 1 to ${info.bands}`,
    ref,
  );
}

/** The band with this name, else the only one whose name begins with this word; `null` if there is none. */
function findByName(bandNames: readonly (string | null)[], wanted: string): number | null {
  const names = bandNames.map((name) => name?.trim().toLowerCase() ?? null);
  const text = wanted.trim().toLowerCase();
  const exact = names.indexOf(text);
  if (exact >= 0) return exact;
  const plain = plainBand(text);
  const starting = names.flatMap((name, i) =>
    name !== null && plainBand(name.split(/[\s,;:()]/)[0]!) === plain ? [i] : [],
  );
  return starting.length === 1 ? starting[0]! : null;
}

/** `b04` and `b4` are the same band. */
function plainBand(name: string): string {
  return name.replace(/^((?:sr_)?b)0+(?=\d)/, '$1');
}

/** The file's own names; where it has none and says RGB, the usual order of its bands. */
function namesOf(info: GeoTiffInfo): readonly (string | null)[] {
  if (info.bandNames.some((name) => name !== null)) return info.bandNames;
  if (info.photometric !== 'RGB' && info.photometric !== 'YCbCr') return info.bandNames;
  return info.bandNames.map((_, i) =>
    i === info.alphaBand ? 'alpha' : (['red', 'green', 'blue'][i] ?? null),
  );
}

/** Names that only the photometric interpretation implies are said where the choice agrees with them. */
function labelsOf(
  info: GeoTiffInfo,
  indices: readonly [number, number, number],
  triple: BandTriple,
): SelectedBands['labels'] {
  const implied = namesOf(info);
  const agrees = indices.every((index, i) => index === i || Number.isNaN(Number(triple[i])));
  const names = agrees ? implied : info.bandNames;
  return indices.map((index) => {
    const name = names[index] ?? null;
    return name === null ? String(index + 1) : `${index + 1} ${name}`;
  }) as [string, string, string];
}

function bandError(message: string, value: unknown): ConfigError {
  return new ConfigError(message, { pointer: '--bands', value });
}
