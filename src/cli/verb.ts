import { InvalidArgumentError } from 'commander';
import { BAND_PRESETS, findBandPreset } from '../scene/band-presets.ts';
import type { BandChoice } from '../scene/select-bands.ts';
import type { Reporter } from './reporter.ts';

/** What every verb gets from the command line's entry. */
export interface VerbContext {
  readonly reporter: Reporter;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Writes a result (not a log) to standard output. */
  readonly print: (text: string) => void;
}

/** Parses `WIDTHxHEIGHT`. */
export function parseSize(text: string): { width: number; height: number } {
  const match = /^(\d+)x(\d+)$/i.exec(text);
  if (match === null) throw new InvalidArgumentError('expected WIDTHxHEIGHT in pixels, e.g. 2048x2048');
  return { width: parsePositive(match[1]!), height: parsePositive(match[2]!) };
}

/** Parses a whole number of at least 1. */
export function parsePositive(text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1)
    throw new InvalidArgumentError('expected a whole number of at least 1');
  return n;
}

/** Parses an amount of memory, in MiB or with a unit (`900M`, `6G`), into bytes. */
export function parseMemory(text: string): number {
  const [, digits, unit = 'M'] = /^(\d+(?:\.\d+)?)([MG])?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(digits) * (unit.toUpperCase() === 'G' ? 2 ** 30 : 2 ** 20));
  if (!Number.isSafeInteger(bytes) || bytes < 2 ** 20)
    throw new InvalidArgumentError('expected MiB, or an amount with M or G, e.g. 900, 900M or 6G');
  return bytes;
}

/** Parses a whole number of at least 0. */
export function parseCount(text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new InvalidArgumentError('expected a whole number of at least 0');
  return n;
}

/** Parses a number above 0. */
export function parseRate(text: string): number {
  const n = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(n) || n <= 0) throw new InvalidArgumentError('expected a number above 0');
  return n;
}

/** For `--help`. */
export const SCENE_HELP =
  'GeoTIFF; or several on one grid: name them all, or @FILE with one a line, or a tile index FILE.geojson (property location)';

/** For `--help`. */
export const BANDS_HELP = `red, green and blue: three band numbers from 1 or names, or one of ${BAND_PRESETS.map((preset) => preset.name).join(', ')}`;

/** Parses `R,G,B`, three band numbers (from 1) or names, or the name of a preset. */
export function parseBands(text: string): BandChoice {
  if (findBandPreset(text) !== null) return text;
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length !== 3 || parts.includes('')) {
    throw new InvalidArgumentError(
      `expected three bands for red, green and blue, e.g. 3,2,1 or red,green,blue, or one of ${BAND_PRESETS.map((preset) => preset.name).join(', ')}`,
    );
  }
  const [r, g, b] = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  return [r!, g!, b!];
}

/** Parses a list of numbers, e.g. `1,3,6`. */
export function parseNumbers(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!numbers.every((n) => Number.isFinite(n)))
    throw new InvalidArgumentError('expected numbers, e.g. 1,3,6');
  return numbers;
}

/** Parses a list of class ids, e.g. `0,255`. */
export function parseClassIds(text: string): number[] {
  const ids = parseNumbers(text);
  if (!ids.every((id) => Number.isInteger(id) && id >= 0 && id <= 255)) {
    throw new InvalidArgumentError('expected class ids from 0 to 255, e.g. 0,255');
  }
  return ids;
}

/** Parses numbers of GPUs, e.g. `0,2`. */
export function parseGpus(text: string): readonly number[] {
  const ids = parseNumbers(text);
  if (!ids.every((id) => Number.isInteger(id) && id >= 0) || new Set(ids).size < ids.length) {
    throw new InvalidArgumentError('expected numbers of GPUs from 0, each once, e.g. 0,2');
  }
  return ids;
}

/** `Examples:` for a verb's help. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ frustum ${line}`).join('\n')}`;
}
