import { ConfigError } from '../../core/errors.ts';

/** When a scene was taken, as STAC says it: one instant, or `null` and an interval. RFC 3339 in UTC. */
export type SceneTime =
  | { readonly datetime: string }
  | { readonly datetime: null; readonly start_datetime: string; readonly end_datetime: string };

/** No satellite took a picture before the first one flew. */
const EARLIEST = '1957-10-04T00:00:00Z';
const LATEST = '9999-12-31T23:59:59Z';

/** Metadata keys that name an instant, the most trustworthy first; the last is the TIFF tag, which is what GDAL calls it. */
const KEYS = ['ACQUISITIONDATETIME', 'ACQUISITION_DATETIME', 'DATETIME', 'TIFFTAG_DATETIME'] as const;

/**
 * Parses `--datetime`: an RFC 3339 instant, a date (its midnight in UTC), or two of them with a slash between.
 * @throws ConfigError
 */
export function parseSceneTime(text: string): SceneTime {
  const parts = text.split('/').map((part) => parseInstant(part.trim()));
  const [start, end] = parts;
  if (start === undefined || parts.length > 2 || parts.includes(null)) return refuse(text);
  if (end === undefined) return { datetime: start! };
  if (end! < start!) return refuse(text);
  return { datetime: null, start_datetime: start!, end_datetime: end! };
}

function refuse(text: string): never {
  throw new ConfigError(
    `--datetime ${text}: expected when the scene was taken, e.g. 2024-05-01T10:30:00Z, 2024-05-01, or an interval 2024-05-01/2024-05-31`,
    { pointer: '--datetime', value: text },
  );
}

/**
 * When a scene was taken, as far as its file tells: metadata if they say it (times without a zone are taken for UTC),
 * else only that it was after the first satellite and before the file was last changed.
 * @param modifiedMs when the file was last changed, in milliseconds since 1970
 */
export function timeOfScene(
  metadata: Readonly<Record<string, string>>,
  modifiedMs: number | null,
): SceneTime {
  for (const key of KEYS) {
    const instant = parseInstant((metadata[key] ?? '').replace(/^(\d{4}):(\d\d):(\d\d) /, '$1-$2-$3T'));
    if (instant !== null) return { datetime: instant };
  }
  const end = modifiedMs === null ? LATEST : formatInstant(modifiedMs);
  return { datetime: null, start_datetime: EARLIEST, end_datetime: end };
}

/** A time that the scene or its user told, as an instant or an interval with a slash; `null` where it is only bounded. */
export function toldTime(time: SceneTime): string | null {
  if (time.datetime !== null) return time.datetime;
  return time.start_datetime === EARLIEST ? null : `${time.start_datetime}/${time.end_datetime}`;
}

/** RFC 3339 in UTC, without fractions of a second where there are none. */
function formatInstant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('.000Z', 'Z');
}

const INSTANT = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/i;

function parseInstant(text: string): string | null {
  const match = INSTANT.exec(text);
  if (match === null) return null;
  const [, year, month, day, time = '00:00:00', zone = 'Z'] = match;
  const milliseconds = Date.parse(`${year}-${month}-${day}T${time}${zone.toUpperCase()}`);
  // Date.parse takes the 31st of February for a day in March.
  const real = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  return Number.isNaN(milliseconds) || !real ? null : formatInstant(milliseconds);
}
