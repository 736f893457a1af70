/**
 * The time that a file says it was made at, as ISO 8601 in UTC: now, or `SOURCE_DATE_EPOCH` (seconds since 1970; the
 * convention of reproducible builds), with which equal inputs give equal bytes.
 */
export function lastChange(): string {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  const fixed = epoch !== undefined && /^\d{1,11}$/.test(epoch) ? new Date(Number(epoch) * 1000) : null;
  return (fixed ?? new Date()).toISOString();
}
