import { setTimeout as wait } from 'node:timers/promises';
import { AbortedError, SourceError } from '../core/errors.ts';

/** A request that failed in a way that may pass: trying again is worth while. */
export class Hiccup extends Error {
  /** HTTP status or errno name, if there is one. */
  readonly status: number | string | null;
  /** How long the server asked to be left alone. */
  readonly retryAfterMs: number;
  /** Whether, if it does not pass soon, it will hardly pass later. */
  readonly lasting: boolean;
  /** @param message what happened, as the end of a sentence about the URL */
  constructor(
    message: string,
    detail: { status?: number | string | null; retryAfterMs?: number; lasting?: boolean; cause?: unknown },
  ) {
    super(message, { cause: detail.cause });
    this.status = detail.status ?? null;
    this.retryAfterMs = detail.retryAfterMs ?? 0;
    this.lasting = detail.lasting ?? false;
  }
}

export interface RetryOptions {
  /** What messages call the source. */
  readonly url: string;
  /** At least 1. */
  readonly attempts: number;
  readonly backoffMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called before each further attempt. */
  readonly onRetry: () => void;
}

const LONGEST_WAIT_MS = 20_000;
/** Servers that ask for a longer pause than this are left alone altogether. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * Tries again what failed with a {@link Hiccup}, waiting a random part of an interval that doubles each time ("full
 * jitter": https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), and never less than the server asked for.
 * @throws SourceError when the attempts are used up; AbortedError; whatever else `attempt` throws
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { url, attempts, backoffMs, signal, onRetry } = options;
  for (let made = 1; ; made++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Hiccup)) throw error;
      const tooLong = error.retryAfterMs > LONGEST_PAUSE_MS;
      if (made >= attempts || tooLong) throw givenUp(url, error, made, tooLong);
      const interval = Math.min(LONGEST_WAIT_MS, backoffMs * 2 ** (made - 1));
      await pause(url, Math.max(error.retryAfterMs, Math.random() * interval), signal);
      onRetry();
    }
  }
}

async function pause(url: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(ms, undefined, { ...(signal && { signal }) });
  } catch (cause) {
    throw new AbortedError(`reading ${url} was stopped`, { cause });
  }
}

function givenUp(url: string, last: Hiccup, made: number, tooLong: boolean): SourceError {
  const tried = made === 1 ? '' : `, ${made} times`;
  const todo = tooLong
    ? `the server asks to wait ${Math.ceil(last.retryAfterMs / 1000)} s; run again then`
    : last.lasting
      ? 'something between here and the server spoils its answers; copy the file to a local disk, or read it from elsewhere'
      : 'run again later';
  return new SourceError(`${url}: ${last.message}${tried}; ${todo}`, {
    url,
    status: last.status,
    retryable: !last.lasting,
    cause: last,
  });
}

/** Milliseconds of a `Retry-After` header, given in seconds or as a date; 0 if it is missing or nonsense. */
export function parseRetryAfter(header: string | null | undefined): number {
  if (!header) return 0;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

/** HTTP statuses that tell of a passing state of the server. */
export const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Errors of the system that no waiting heals: wrong names, untrusted certificates. */
const LASTING_CODES =
  /^(ENOTFOUND|ERR_(TLS|SSL|INVALID)_.*|CERT_.*|UNABLE_TO_.*|(DEPTH_ZERO_)?SELF_SIGNED_CERT.*|UND_ERR_INVALID_ARG)$/;

/** A failed connection as an error of the source; `code` is the system's name for it. */
export function connectionFailure(url: string, host: string, code: string, cause: unknown): Error {
  if (code === 'ENOTFOUND') {
    return new SourceError(`${url}: no host is called ${host}; check the URL`, { url, status: code, cause });
  }
  if (LASTING_CODES.test(code)) {
    return new SourceError(
      `${url}: no trusted connection to ${host} can be made (${code}); check the URL, and NODE_EXTRA_CA_CERTS where the store has a certificate of its own`,
      { url, status: code, cause },
    );
  }
  const words: Record<string, string> = {
    ECONNREFUSED: `${host} refuses connections`,
    ECONNRESET: `${host} broke the connection`,
    UND_ERR_SOCKET: `${host} broke the connection`,
    EPIPE: `${host} broke the connection`,
    EAI_AGAIN: `the address of ${host} cannot be looked up now`,
  };
  return new Hiccup(words[code] ?? `${host} cannot be reached (${code})`, { status: code, cause });
}
