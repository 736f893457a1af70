import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { ConfigError } from '../core/errors.ts';
import { schemeOf, withoutSecrets } from '../io/urls.ts';
import { stretchRecordSchema } from '../pipeline/config.ts';
import type { Stretch, ValueRange } from '../scene/stretch.ts';

/** For `--help`. */
export const STRETCH_HELP =
  'auto, none, minmax, percentile:LOW,HIGH, stddev:N, fixed:MIN,MAX (or one a band: fixed:MIN,MAX/MIN,MAX/MIN,MAX), each but none also with gamma=G at the end, as in percentile:2,98,gamma=1.4; or recorded:RUN.json for that of an earlier run';

const EXPECTED =
  'expected auto, none, minmax, percentile:LOW,HIGH, stddev:N, fixed:MIN,MAX or fixed:MIN,MAX/MIN,MAX/MIN,MAX, each but none with gamma=G at the end if need be, e.g. percentile:2,98,gamma=1.4; or recorded:RUN.json';

/**
 * Parses `KIND`, `KIND:NUMBERS` or `KIND:NUMBERS,gamma=G`; bands are parted by `/`.
 * @throws InvalidArgumentError
 */
export function parseStretch(text: string): Stretch {
  const [, kind = '', rest = null] = /^([a-z]+)(?::(.*))?$/s.exec(text) ?? [];
  if (kind === 'recorded' && rest) return { recorded: readRecorded(rest) };
  if (rest === null && (kind === 'auto' || kind === 'none' || kind === 'minmax')) return kind;
  const { ranges, gamma } = parseNumbers(rest ?? '');
  const [first = [], second, third, ...more] = ranges;
  const tone = gamma === null ? {} : { gamma };
  const single = second === undefined;
  if (kind === 'auto' && single && first.length === 0) return { auto: true, ...tone };
  if (kind === 'minmax' && single && first.length === 0) return { minmax: true, ...tone };
  if (kind === 'percentile' && single && isPair(first)) return { percentile: first, ...tone };
  if (kind === 'stddev' && single && first.length === 1) return { stddev: first[0]!, ...tone };
  if (kind === 'fixed' && isPair(first)) {
    if (single) return { fixed: first, ...tone };
    if (isPair(second) && third && isPair(third) && more.length === 0) {
      return { fixed: [first, second, third], ...tone };
    }
  }
  throw new InvalidArgumentError(EXPECTED);
}

function isPair(numbers: readonly number[]): numbers is ValueRange {
  return numbers.length === 2;
}

function parseNumbers(text: string): { ranges: number[][]; gamma: number | null } {
  let gamma: number | null = null;
  const ranges = text.split('/').map((range, i, all) => {
    const items = range === '' ? [] : range.split(',');
    const named = i === all.length - 1 ? /^\s*gamma=(.+)$/.exec(items.at(-1) ?? '') : null;
    if (named) {
      gamma = toNumber(named[1]!);
      items.pop();
    }
    return items.map(toNumber);
  });
  return { ranges, gamma };
}

function toNumber(text: string): number {
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(number)) throw new InvalidArgumentError(EXPECTED);
  return number;
}

/** The stretch that a run recorded: `scene.stretch` of its `run.json`. */
function readRecorded(path: string) {
  if (schemeOf(path) !== null) {
    // Thrown as it is: what is wrong with an argument is told after the argument itself, and a URL may hold secrets.
    throw new ConfigError(
      `--stretch recorded:${withoutSecrets(path)}: only a local run.json is read; copy it here`,
      { pointer: '--stretch' },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new InvalidArgumentError(
      `${path} can't be read as the run.json of an earlier run: ${(error as Error).message}`,
    );
  }
  const { scene } = (json ?? {}) as { scene?: { stretch?: unknown } };
  const record = stretchRecordSchema.safeParse(scene?.stretch);
  if (record.success) return record.data;
  throw new InvalidArgumentError(`${path} records no stretch: expected the run.json of frustum segment`);
}
