/** What a check found. */
export interface Finding {
  /** What was looked at, e.g. `memory`. */
  readonly name: string;
  /** `problem`: runs will fail; `warning`: they may; `skipped`: not asked for, or not there to look at. */
  readonly state: 'ok' | 'warning' | 'problem' | 'skipped';
  readonly found: string;
  /** What to do; `null` where there is nothing to do. */
  readonly advice: string | null;
}

/** Bytes for people. */
export function formatBytes(bytes: number): string {
  const GIB = 1024 ** 3;
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.round(bytes / 1024 ** 2)} MiB`;
}

/** The one-line reason of a failure, in an error's own words. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s+/g, ' ').trim();
}
