import { SourceError } from '../core/errors.ts';
import { fetchByEnvironment, proxyOf } from './proxies.ts';
import { changed } from './receive-range.ts';
import { connectionFailure, Hiccup, PASSING_STATUSES, parseRetryAfter } from './retry.ts';
import type { Counters, ObjectState, RangeAnswer, RangeRequest, Transport } from './transport.ts';
import { withoutSecrets } from './urls.ts';

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Answers that a redirect's target gives when it has expired, which the URL itself may heal. */
const EXPIRED = new Set([401, 403, 404, 410]);

/**
 * Ranges by `GET` over http(s). A query (such as a signature) and a user and password go to the server and nowhere else.
 * Redirects are followed and then remembered, until their target refuses.
 * @throws SourceError if the URL is none
 */
export function createHttpTransport(url: string): Transport {
  const origin = parseUrl(url);
  const shown = withoutSecrets(url);
  const authorization = basicAuthorization(origin);
  origin.username = '';
  origin.password = '';
  const counters: Counters = { requests: 0, bytes: 0, retries: 0 };
  let remembered: URL | null = null;

  const send = async (target: URL, range: RangeRequest): Promise<Response> => {
    counters.requests++;
    try {
      return await fetchByEnvironment(target, {
        redirect: 'manual',
        signal: range.signal,
        headers: {
          ...rangeHeaders(range),
          ...(authorization !== null && target.origin === origin.origin && { authorization }),
        },
      });
    } catch (error) {
      if (range.signal.aborted || error instanceof SourceError) throw error;
      throw connectionFailure(shown, reachedBy(target), codeOf(error), error);
    }
  };

  const follow = async (range: RangeRequest): Promise<Response> => {
    if (remembered !== null) {
      const response = await send(remembered, range);
      if (!EXPIRED.has(response.status) && !REDIRECTS.has(response.status)) return response;
      discard(response);
      remembered = null;
    }
    let target = origin;
    for (let hops = 0; ; hops++) {
      const response = await send(target, range);
      if (!REDIRECTS.has(response.status)) {
        if (hops > 0 && response.ok) remembered = target;
        return response;
      }
      discard(response);
      target = redirectTarget(shown, target, response, hops);
    }
  };

  return {
    url: shown,
    counters,
    async request(range) {
      const response = await follow(range);
      if (response.status === 206 || response.status === 200 || response.status === 416) {
        return answerOf(response);
      }
      discard(response);
      throw failure(shown, response);
    },
    close() {},
  };
}

/** What cannot be parsed is not shown either: nobody knows which part of it is secret. */
function parseUrl(url: string): URL {
  if (URL.canParse(url)) return new URL(url);
  const scheme = url.replace(/:.*/s, '');
  throw new SourceError(
    `The ${scheme}: URL given is not a usable URL; expected ${scheme}://host/path, with the special characters of a user's name and password percent-encoded`,
    { url: `${scheme}:` },
  );
}

function basicAuthorization({ username, password }: URL): string | null {
  if (username === '' && password === '') return null;
  const words = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(words, 'utf8').toString('base64')}`;
}

function rangeHeaders({ offset, length, expected }: RangeRequest): Record<string, string> {
  // With a range, fetch itself asks for a body that is not compressed on the way.
  return {
    range: `bytes=${offset}-${offset + length - 1}`,
    ...conditionOf(expected),
  };
}

/** The condition that makes the server itself refuse a changed object; `If-Match` knows strong tags only (RFC 9110). */
function conditionOf(expected: ObjectState | null): Record<string, string> {
  if (expected === null) return {};
  if (expected.etag !== null && !expected.etag.startsWith('W/')) return { 'if-match': expected.etag };
  return expected.lastModified === null ? {} : { 'if-unmodified-since': expected.lastModified };
}

function answerOf(response: Response): RangeAnswer {
  const { headers } = response;
  const contentLength = headers.get('content-length');
  return {
    status: response.status,
    contentRange: headers.get('content-range'),
    contentLength: contentLength === null ? null : Number(contentLength),
    contentEncoding: headers.get('content-encoding'),
    etag: headers.get('etag'),
    lastModified: headers.get('last-modified'),
    versionId: null,
    body: response.body ?? emptyBody(),
    discard: () => discard(response),
  };
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

/** A body that is locked is being read, and ends with its request. */
function discard(response: Response): void {
  if (response.body !== null && !response.body.locked) response.body.cancel().catch(() => undefined);
}

function redirectTarget(url: string, from: URL, response: Response, hops: number): URL {
  const refuse = (why: string) =>
    new SourceError(`${url}: ${why}; give the URL that holds the file itself`, {
      url,
      status: response.status,
    });
  if (hops >= MAX_REDIRECTS) throw refuse(`it is redirected more than ${MAX_REDIRECTS} times`);
  const location = response.headers.get('location');
  if (location === null || !URL.canParse(location, from.href)) throw refuse('it is redirected to nowhere');
  const target = new URL(location, from.href);
  const shown = withoutSecrets(target.href);
  if (target.protocol !== 'https:' && target.protocol !== 'http:') {
    throw refuse(`it is redirected to ${shown}, which is not http(s)`);
  }
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw refuse(`it is redirected from https to ${shown}, which anyone on the way could change`);
  }
  target.username = '';
  target.password = '';
  return target;
}

function failure(url: string, response: Response): Error {
  const { status } = response;
  if (status === 412) return changed(url, 'the server finds another version');
  if (PASSING_STATUSES.has(status)) {
    return new Hiccup(`the server answered ${named(status, response.statusText)}`, {
      status,
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after')),
    });
  }
  const words: Record<number, string> = {
    401: 'needs a login; give https://USER:PASSWORD@host/..., or a signed URL',
    403: 'may not be read; if the URL is signed, its signature may have expired: ask for a new one',
    404: 'does not exist; check the URL',
    410: 'is there no more; check the URL',
  };
  const why = words[status];
  const message = why
    ? `${url} ${why} (${status})`
    : `${url}: the server answered ${named(status, response.statusText)}; expected 206 Partial Content. Check the URL`;
  return new SourceError(message, { url, status });
}

function named(status: number, text: string): string {
  return text === '' ? String(status) : `${status} ${text}`;
}

/** What a connection was made to, as messages name it. */
function reachedBy(target: URL): string {
  const proxy = proxyOf(target.href);
  return proxy === null ? target.host : `the proxy ${proxy.host} or, through it, ${target.host}`;
}

/** The system's name for why `fetch` failed, which wraps it several times. */
function codeOf(error: unknown): string {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { code } = e as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
    if (e instanceof AggregateError && e.errors.length > 0) return codeOf(e.errors[0]);
  }
  const { cause } = error as Error;
  return `ERR_INVALID_REQUEST: ${cause instanceof Error ? cause.message : String(error)}`;
}
