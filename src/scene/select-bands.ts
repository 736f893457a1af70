import { ConfigError } from '../core/errors.ts';
import type { GeoTiffInfo } from '../geotiff/open-geotiff.ts';

/** A band by number (from 1) or by name (`red`, or a description in the file). */
export type BandRef = number | string;

/** Which bands are red, green and blue. */
export type BandTriple = readonly [BandRef, BandRef, BandRef];

/** The bands of files of one form: applies to files with this many bits a sample and this many bands. */
export interface BandForm {
  readonly bits: number;
  readonly bandCount: number;
  readonly bands: BandTriple;
}

/** Bands for every file, or a choice by the file's form. */
export type BandChoice = BandTriple | readonly BandForm[];

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
  const triple =
    choice === undefined ? defaultTriple(info) : isForms(choice) ? matchForm(info, choice) : choice;
  if (triple.length !== 3) {
    throw bandError(
      `three bands are needed (red, green, blue), got ${triple.length}: ${triple.join(',')}`,
      triple,
    );
  }
  const indices = triple.map((ref) => resolveBand(info, ref)) as [number, number, number];
  return { indices, labels: indices.map((index) => labelOf(info, index)) as [string, string, string] };
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

function isForms(choice: BandChoice): choice is readonly BandForm[] {
  return typeof choice[0] === 'object';
}

function matchForm(info: GeoTiffInfo, forms: readonly BandForm[]): BandTriple {
  const form = forms.find((f) => f.bits === info.bitsPerSample && f.bandCount === info.bands);
  if (form) return form.bands;
  const known = forms.map((f) => `${f.bandCount} bands of ${f.bits} bits`).join(', ');
  throw bandError(
    `${info.url} has ${info.bands} bands of ${info.bitsPerSample} bits; this pipeline knows ${known}; name the bands with --bands`,
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
  const wanted = String(ref).trim().toLowerCase();
  const names = namesOf(info);
  const index = names.findIndex((name) => name?.trim().toLowerCase() === wanted);
  if (index >= 0) return index;
  const known = names.flatMap((name, i) => (name === null ? [] : [`${i + 1} ${name}`]));
  throw bandError(
    `${info.url} has no band called ${ref}; ${known.length > 0 ? `it names ${known.join(', ')}` : 'it names none'}; give numbers from 1 to ${info.bands}`,
    ref,
  );
}

/** The file's own names; where it has none and says RGB, the usual order of its bands. */
function namesOf(info: GeoTiffInfo): readonly (string | null)[] {
  if (info.bandNames.some((name) => name !== null)) return info.bandNames;
  if (info.photometric !== 'RGB' && info.photometric !== 'YCbCr') return info.bandNames;
  return info.bandNames.map((_, i) =>
    i === info.alphaBand ? 'alpha' : (['red', 'green', 'blue'][i] ?? null),
  );
}

function labelOf(info: GeoTiffInfo, index: number): string {
  const name = namesOf(info)[index] ?? null;
  return name === null ? String(index + 1) : `${index + 1} ${name}`;
}

function bandError(message: string, value: unknown): ConfigError {
  return new ConfigError(message, { pointer: '--bands', value });
}
