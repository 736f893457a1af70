import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { SourceError } from '../../src/core/errors.ts';
import { type OpenSourceOptions, openByteSource, openOptionalByteSource } from '../../src/io/open-source.ts';
import { connectionFailure, Hiccup, parseRetryAfter } from '../../src/io/retry.ts';
import { type Fault, type FaultServer, startFaultServer } from '../support/http-fault-server.ts';
import { patternBytes } from './byte-source-conformance.ts';

const MIB = 1024 * 1024;
const BYTES = patternBytes(6 * MIB);
const QUICK: OpenSourceOptions = { backoffMs: 5, attempts: 4 };
/** For servers that say nothing. On a busy machine others may seem so, too. */
const IMPATIENT = { stallMs: 600 };
const SILENT = new Set(['silence', 'stall', 'trickle']);

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.seen.length = 0;
  server.fault = () => null;
  server.files.clear();
  for (const path of ['/scene.tif', '/bucket/scene.tif']) server.files.set(path, { bytes: BYTES });
});

/** Both kinds of remote source, over the same server. */
const KINDS = [
  { kind: 'http', url: () => `${server.url}/scene.tif`, options: () => QUICK },
  {
    kind: 's3',
    url: () => 's3://bucket/scene.tif',
    options: () => ({ ...QUICK, s3: { endpoint: server.url, anonymous: true } }),
  },
];

async function failureOf(work: Promise<unknown>): Promise<SourceError> {
  const error = await work.then(
    () => new Error('expected a failure'),
    (caught: unknown) => caught,
  );
  expect(error).toMatchObject({ tag: 'SourceError' });
  return error as SourceError;
}

describe.each(KINDS)('$kind: what may pass is tried again', ({ url, options }) => {
  const passing: [string, Fault][] = [
    ['500', { kind: 'answer', status: 500 }],
    ['502 with a page', { kind: 'answer', status: 502, body: '<html>Bad gateway' }],
    ['503', { kind: 'answer', status: 503, body: '<Error><Code>SlowDown</Code></Error>' }],
    ['504', { kind: 'answer', status: 504 }],
    ['429', { kind: 'answer', status: 429 }],
    ['a reset', { kind: 'reset' }],
    ['silence', { kind: 'silence' }],
    ['a stall', { kind: 'stall', after: 1000 }],
    ['a body cut short', { kind: 'cut', after: 50_000 }],
    ['a trickle', { kind: 'trickle', everyMs: 30 }],
    [
      'a Content-Range of other bytes',
      { kind: 'headers', headers: { 'content-range': `bytes 7-99/${BYTES.length}` } },
    ],
    ['no Content-Range', { kind: 'headers', headers: { 'content-range': null } }],
  ];

  test.each(passing)('%s, on opening and on reading', async (_, fault) => {
    server.fault = (__, nth) => (nth === 0 || nth === 2 || nth === 3 ? fault : null);
    const silent = SILENT.has(fault.kind);
    const source = await openByteSource(url(), {
      ...options(),
      attempts: 8,
      ...(silent && IMPATIENT),
    });
    const got = await source.read(3 * MIB, 500_000);
    expect(Buffer.compare(got, BYTES.subarray(3 * MIB, 3 * MIB + 500_000))).toBe(0);
    const { requests, retries } = source.stats;
    expect(requests).toBe(server.seen.length);
    expect(requests).toBe(retries + 2);
    if (silent) expect(retries).toBeGreaterThanOrEqual(3);
    else expect(retries).toBe(3);
    await source.close();
  });

  test.each(passing)('%s that does not pass ends as one error, in time', async (_, fault) => {
    server.fault = () => fault;
    const started = performance.now();
    const error = await failureOf(openByteSource(url(), { ...options(), ...IMPATIENT }));
    expect(performance.now() - started).toBeLessThan(8000);
    expect(error.message).toMatch(/scene\.tif: .*, 4 times; /);
    // A server that spoils each answer will not be better later; one that is down may be.
    expect(error.retryable).toBe(!('headers' in fault));
    expect(server.seen).toHaveLength(4);
    await Promise.all(server.seen.map((request) => request.left));
    expect(server.open()).toBe(0);
  });

  test('no longer pause than asked for is made, and none that is too long', async () => {
    server.fault = (_, nth) =>
      nth === 0 ? { kind: 'answer', status: 503, headers: { 'retry-after': '1' } } : null;
    const started = performance.now();
    await (await openByteSource(url(), options())).close();
    expect(performance.now() - started).toBeGreaterThan(950);
    server.fault = () => ({ kind: 'answer', status: 429, headers: { 'retry-after': '7200' } });
    const error = await failureOf(openByteSource(url(), options()));
    expect(error).toMatchObject({
      status: 429,
      retryable: true,
      message: expect.stringContaining('wait 7200 s'),
    });
  });
});

describe.each(KINDS)('$kind: what will not pass is said at once', ({ kind, url, options }) => {
  test.each([401, 403, 404, 410, 418, 451, 501])('%s', async (status) => {
    server.fault = () => ({ kind: 'answer', status });
    const error = await failureOf(openByteSource(url(), options()));
    expect(error).toMatchObject({ status, retryable: false, message: expect.stringContaining('scene.tif') });
    expect(server.seen).toHaveLength(1);
    const optional = openOptionalByteSource(url(), options());
    if ([403, 404, 410].includes(status)) expect(await optional).toBeNull();
    else expect((await failureOf(optional)).status).toBe(status);
  });

  test('a refused connection is worth a later try', async () => {
    const gone = await startFaultServer();
    await gone.stop();
    const where = kind === 's3' ? url() : `${gone.url}/scene.tif`;
    const error = await failureOf(
      openByteSource(where, { ...options(), s3: { endpoint: gone.url, anonymous: true } }),
    );
    expect(error).toMatchObject({ status: 'ECONNREFUSED', retryable: true });
  });
});

describe.each(KINDS)('$kind: an object that changes under the reader', ({ url, options, kind }) => {
  const path = kind === 's3' ? '/bucket/scene.tif' : '/scene.tif';
  const changeAndRead = async (change: () => void) => {
    const source = await openByteSource(url(), options());
    change();
    const error = await failureOf(source.read(4 * MIB, 100));
    expect(error).toMatchObject({
      retryable: true,
      message: expect.stringContaining('was changed while it was read'),
    });
    expect(source.stats.retries).toBe(0);
    await source.close();
  };

  test('is refused by the server, by its tag', () =>
    changeAndRead(() => server.files.set(path, { bytes: BYTES.map((byte) => ~byte) })));

  test('is seen where the server ignores the condition', () =>
    changeAndRead(() => {
      server.fault = () => ({ kind: 'headers', headers: { etag: '"other"' } });
    }));

  test('is seen by its size where there is nothing else to see', async () => {
    server.files.set(path, { bytes: BYTES, etag: null, lastModified: null });
    await changeAndRead(() =>
      server.files.set(path, { bytes: BYTES.subarray(0, 5 * MIB), etag: null, lastModified: null }),
    );
    server.files.set(path, { bytes: BYTES, etag: null, lastModified: null });
    await changeAndRead(() =>
      server.files.set(path, { bytes: BYTES.subarray(0, MIB), etag: null, lastModified: null }),
    );
  });
});

describe('http: other signs of a change', () => {
  const modified = (lastModified: string, etag: string | null) => ({ bytes: BYTES, etag, lastModified });
  test.each([
    ['a date', null],
    ['a date where the tag is weak', 'W/"7"'],
  ])('%s is a condition', async (_, etag) => {
    server.files.set('/scene.tif', modified('Sat, 05 Sep 2020 10:00:00 GMT', etag));
    const source = await openByteSource(`${server.url}/scene.tif`, QUICK);
    expect(source.version).toBe(etag ?? 'Sat, 05 Sep 2020 10:00:00 GMT');
    await source.read(2 * MIB, 10);
    expect(server.seen[1]!.headers).toMatchObject({ 'if-unmodified-since': 'Sat, 05 Sep 2020 10:00:00 GMT' });
    expect(server.seen[1]!.headers['if-match']).toBeUndefined();
    server.files.set('/scene.tif', modified('Sun, 06 Sep 2020 10:00:00 GMT', etag));
    expect((await failureOf(source.read(4 * MIB, 10))).message).toContain('was changed');
    await source.close();
  });

  test('a date that the server does not check itself', async () => {
    server.files.set('/scene.tif', modified('Sat, 05 Sep 2020 10:00:00 GMT', null));
    const source = await openByteSource(`${server.url}/scene.tif`, QUICK);
    server.fault = () => ({ kind: 'headers', headers: { 'last-modified': 'Sun, 06 Sep 2020 10:00:00 GMT' } });
    expect((await failureOf(source.read(4 * MIB, 10))).message).toContain('it was last changed');
    await source.close();
  });
});

describe('http: servers of their own kind', () => {
  test('that know no ranges: small files are read whole, once', async () => {
    server.fault = () => ({ kind: 'whole' });
    const source = await openByteSource(`${server.url}/scene.tif`, QUICK);
    expect(source.sizeBytes).toBe(BYTES.length);
    expect(Buffer.compare(await source.read(MIB, MIB), BYTES.subarray(MIB, 2 * MIB))).toBe(0);
    expect(source.stats).toMatchObject({ requests: 1, bytes: BYTES.length, cacheHits: 1 });
    await source.close();
    server.fault = () => ({ kind: 'whole', chunked: true });
    const chunked = await openByteSource(`${server.url}/scene.tif`, QUICK);
    expect(chunked.sizeBytes).toBe(BYTES.length);
    await chunked.close();
  });

  test.each([undefined, true as const])(
    'that know no ranges: large files are refused, not loaded',
    async (chunked) => {
      server.files.set('/large.tif', { bytes: new Uint8Array(40 * MIB) });
      server.fault = () => ({ kind: 'whole', ...(chunked && { chunked }) });
      const error = await failureOf(openByteSource(`${server.url}/large.tif`, QUICK));
      expect(error).toMatchObject({ retryable: false, message: expect.stringContaining('ignores Range') });
      expect(await server.seen[0]!.left).toBe(true);
    },
  );

  test('that forget about ranges later', async () => {
    const source = await openByteSource(`${server.url}/scene.tif`, QUICK);
    server.fault = () => ({ kind: 'whole' });
    const error = await failureOf(source.read(3 * MIB, 10));
    expect(error.message).toContain('answered a range with the whole file');
    await source.close();
  });

  test('that compress on the way, or tell no size', async () => {
    server.fault = () => ({ kind: 'headers', headers: { 'content-encoding': 'gzip' } });
    expect((await failureOf(openByteSource(`${server.url}/scene.tif`, QUICK))).message).toContain(
      'compressed',
    );
    expect(server.seen[0]!.headers['accept-encoding']).toBe('identity');
    server.fault = () => ({ kind: 'headers', headers: { 'content-range': 'bytes 0-131071/*' } });
    expect((await failureOf(openByteSource(`${server.url}/scene.tif`, QUICK))).message).toContain(
      'how large',
    );
  });

  test('that redirect: followed, remembered, and asked again when the target has expired', async () => {
    let token = 1;
    server.files.set('/signed', { bytes: BYTES });
    server.fault = ({ path }) => {
      if (path.startsWith('/scene.tif'))
        return { kind: 'answer', status: 302, headers: { location: `/signed?t=${token}` } };
      return path === `/signed?t=${token}` ? null : { kind: 'answer', status: 403 };
    };
    const source = await openByteSource(`${server.url}/scene.tif`, QUICK);
    await source.read(2 * MIB, 10);
    expect(server.seen.map(({ path }) => path)).toEqual(['/scene.tif', '/signed?t=1', '/signed?t=1']);
    token = 2;
    expect(await source.read(4 * MIB, 10)).toEqual(BYTES.slice(4 * MIB, 4 * MIB + 10));
    expect(server.seen.slice(3).map(({ path }) => path)).toEqual([
      '/signed?t=1',
      '/scene.tif',
      '/signed?t=2',
    ]);
    expect(source.stats.requests).toBe(6);
    await source.close();
  });

  test('that redirect in circles, to nowhere, or to other schemes', async () => {
    for (const [location, says] of [
      ['/scene.tif', 'more than 5 times'],
      ['http://', 'nowhere'],
      ['file:///etc/passwd', 'not http'],
    ]) {
      server.fault = () => ({ kind: 'answer', status: 301, headers: { location: location! } });
      const error = await failureOf(openByteSource(`${server.url}/scene.tif`, QUICK));
      expect(error).toMatchObject({ retryable: false, message: expect.stringContaining(says!) });
    }
  });

  test('that redirect from https to http', async () => {
    const answer = new Response(null, { status: 302, headers: { location: 'http://other/x?sig=1' } });
    const fetched = vi.spyOn(globalThis, 'fetch').mockResolvedValue(answer);
    const error = await failureOf(openByteSource('https://host/scene.tif', QUICK)).finally(() =>
      fetched.mockRestore(),
    );
    expect(error.message).toMatch(/from https to http:\/\/other\/x,/);
  });
});

describe('secrets', () => {
  test('of a URL go to its server, not to where it redirects', async () => {
    const other = await startFaultServer();
    other.files.set('/copy', { bytes: BYTES });
    server.fault = () => ({
      kind: 'answer',
      status: 307,
      headers: { location: `${other.url}/copy?token=2` },
    });
    const url = `${server.url.replace('//', '//user:p%40ss@')}/scene.tif?sig=1`;
    const source = await openByteSource(url, QUICK);
    expect(source.url).toBe(`${server.url}/scene.tif`);
    expect(server.seen[0]).toMatchObject({ path: '/scene.tif?sig=1' });
    expect(server.seen[0]!.headers.authorization).toBe(
      `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
    );
    expect(other.seen[0]!.headers.authorization).toBeUndefined();
    await source.close();
    await other.stop();
  });

  test.each<Fault>([
    { kind: 'answer', status: 403 },
    { kind: 'answer', status: 404 },
    { kind: 'answer', status: 412 },
    { kind: 'answer', status: 500 },
    { kind: 'answer', status: 302, headers: { location: 'http://127.0.0.1:1/t?sig=hush' } },
    { kind: 'answer', status: 302, headers: { location: 'ftp://hushed:hush@host/?sig=hush' } },
    { kind: 'reset' },
    { kind: 'cut', after: 10 },
    { kind: 'silence' },
    { kind: 'headers', headers: { 'content-range': 'bytes 1-2/3' } },
    { kind: 'headers', headers: { 'content-encoding': 'br' } },
  ])('are in no message: $kind $status', async (fault) => {
    server.fault = () => fault;
    const url = `${server.url.replace('//', '//hushed:hush@')}/scene.tif?X-Amz-Signature=hush`;
    const error = await failureOf(openByteSource(url, { ...QUICK, attempts: 2, stallMs: 100 }));
    expect(error.message).toContain(`${server.url}/scene.tif`);
    expect(`${error.message} ${error.url} ${error.stack}`).not.toContain('hush');
  });
});

describe.each(KINDS)('$kind: callers who leave', ({ url, options }) => {
  test.each<[string, Fault | null]>([
    ['before an answer', { kind: 'silence' }],
    ['in the middle of a body', { kind: 'stall', after: 100 }],
    ['between two attempts', { kind: 'answer', status: 503, headers: { 'retry-after': '30' } }],
  ])('%s: the request is destroyed at once', async (_, fault) => {
    const patient = { ...options(), stallMs: 60_000 };
    const source = await openByteSource(url(), patient);
    server.fault = () => fault;
    const stop = new AbortController();
    const read = source.read(3 * MIB, 10, stop.signal);
    const opening = openByteSource(url(), { ...patient, signal: stop.signal });
    await vi.waitFor(() => expect(server.seen.length).toBe(3));
    await wait(50);
    stop.abort();
    await expect(read).rejects.toMatchObject({ tag: 'AbortedError' });
    await expect(opening).rejects.toMatchObject({ tag: 'AbortedError' });
    await vi.waitFor(() => expect(server.open()).toBe(0));
    await source.close();
  });

  test('by closing the source', async () => {
    const source = await openByteSource(url(), { ...options(), stallMs: 60_000 });
    server.fault = () => ({ kind: 'silence' });
    const reads = Promise.allSettled([source.read(3 * MIB, 10), source.read(5 * MIB, 10)]);
    await vi.waitFor(() => expect(server.seen.length).toBe(3));
    await source.close();
    expect((await reads).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await vi.waitFor(() => expect(server.open()).toBe(0));
  });

  test('do not take others with them', async () => {
    const source = await openByteSource(url(), options());
    const stop = new AbortController();
    const [left, stayed] = [source.read(3 * MIB, 10, stop.signal), source.read(3 * MIB + 20, 10)];
    stop.abort();
    await expect(left).rejects.toMatchObject({ tag: 'AbortedError' });
    expect(await stayed).toEqual(BYTES.slice(3 * MIB + 20, 3 * MIB + 30));
    await source.close();
  });
});

describe.each(KINDS)('$kind: requests', ({ url, options }) => {
  test('of one source are bounded in number', async () => {
    const source = await openByteSource(url(), { ...options(), parallel: 3, stallMs: 10_000 });
    let most = 0;
    server.fault = () => {
      most = Math.max(most, server.open());
      return null;
    };
    const places = Array.from({ length: 20 }, (_, i) => 200_000 + i * 250_000);
    const got = await Promise.all(places.map((at) => source.read(at, 1000)));
    expect(
      got.every((bytes, i) => Buffer.compare(bytes, BYTES.subarray(places[i]!, places[i]! + 1000)) === 0),
    ).toBe(true);
    expect(server.seen.length).toBeGreaterThan(15);
    expect(most).toBeLessThanOrEqual(3);
    await source.close();
  });

  test('may be given any time, also more than timers know', async () => {
    for (const path of ['/scene.tif', '/bucket/scene.tif']) {
      server.files.set(path, { bytes: Uint8Array.of(1, 2, 3) });
    }
    server.fault = () => ({ kind: 'trickle', everyMs: 20 });
    const source = await openByteSource(url(), { ...options(), attempts: 1, stallMs: 1e11 });
    expect(source.sizeBytes).toBe(3);
    await source.close();
  });

  test('are one to open and to have the head, and are bound to what was opened', async () => {
    const source = await openByteSource(url(), options());
    await Promise.all([source.read(0, 16), source.read(100_000, 20_000)]);
    expect(server.seen).toHaveLength(1);
    expect(server.seen[0]).toMatchObject({ method: 'GET', range: [0, 131_071] });
    expect(server.seen[0]!.headers['if-match']).toBeUndefined();
    await source.read(3 * MIB, 10);
    expect(server.seen[1]!.headers['if-match']).toBe(source.version);
    await source.close();
  });
});

describe('s3: what the store says', () => {
  const s3 = (code: string, status: number, headers: Record<string, string> = {}): Fault => ({
    kind: 'answer',
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>hush</Message></Error>`,
  });
  const options = () => ({ ...QUICK, s3: { endpoint: server.url, region: 'eu-west-1' } });
  beforeAll(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hush');
    vi.stubEnv('AWS_SESSION_TOKEN', 'hush');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  test.each<[Fault, RegExp]>([
    [s3('ExpiredToken', 400), /credentials have expired; renew them/],
    [s3('TokenRefreshRequired', 400), /credentials have expired/],
    [s3('InvalidAccessKeyId', 403), /does not know this access key/],
    [s3('SignatureDoesNotMatch', 403), /secret key is not the one/],
    [s3('AccessDenied', 403), /may not be read by these credentials.*--s3-anonymous.*--s3-requester-pays/],
    [s3('RequestTimeTooSkewed', 403), /clock is wrong/],
    [s3('InvalidObjectState', 403), /is archived; restore it/],
    [s3('NoSuchBucket', 404), /bucket that does not exist/],
    [s3('NoSuchKey', 404), /does not exist; check the key/],
    [
      s3('PermanentRedirect', 301, { 'x-amz-bucket-region': 'ap-south-1' }),
      /region ap-south-1, not in eu-west-1; use --s3-region ap-south-1/,
    ],
    [
      s3('AuthorizationHeaderMalformed', 400, { 'x-amz-bucket-region': 'us-west-2' }),
      /use --s3-region us-west-2/,
    ],
    [s3('PermanentRedirect', 301), /in another region, not in eu-west-1; give its region/],
    [s3('SomethingNew', 400), /400 SomethingNew/],
    [{ kind: 'answer', status: 400, body: '<html>hush' }, /400/],
  ])('%o', async (fault, says) => {
    server.fault = () => fault;
    const error = await failureOf(openByteSource('s3://bucket/scene.tif', options()));
    expect(error).toMatchObject({ retryable: false, url: 's3://bucket/scene.tif' });
    expect(error.message).toMatch(says);
    expect(error.message).not.toContain('hush');
    expect(server.seen).toHaveLength(1);
  });

  test.each(['SlowDown', 'InternalError', 'ServiceUnavailable', 'RequestTimeout'])(
    '%s is tried again',
    async (code) => {
      server.fault = (_, nth) => (nth < 2 ? s3(code, code === 'RequestTimeout' ? 400 : 503) : null);
      const source = await openByteSource('s3://bucket/scene.tif', options());
      expect(source.stats).toMatchObject({ requests: 3, retries: 2 });
      await source.close();
    },
  );

  test('missing credentials, and a missing region, before any request', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
    const error = await failureOf(openByteSource('s3://bucket/scene.tif', options()));
    expect(error.message).toMatch(/no usable AWS credentials were found/);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
    const nowhere = await failureOf(openByteSource('s3://bucket/scene.tif', QUICK));
    expect(nowhere.message).toMatch(/no AWS region is set; give --s3-region/);
    expect(server.seen).toHaveLength(0);
  });

  test('requests are signed, unsigned or paid for as asked', async () => {
    const headersOf = async (s3: OpenSourceOptions['s3'] & object) => {
      server.seen.length = 0;
      await (
        await openByteSource('s3://bucket/scene.tif', { ...QUICK, s3: { endpoint: server.url, ...s3 } })
      ).close();
      return server.seen[0]!.headers;
    };
    const signed = await headersOf({ region: 'eu-west-1' });
    expect(signed.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE\/\d+\/eu-west-1\/s3\//);
    expect(signed['x-amz-request-payer']).toBeUndefined();
    expect((await headersOf({ anonymous: true })).authorization).toBeUndefined();
    expect((await headersOf({ requesterPays: true }))['x-amz-request-payer']).toBe('requester');
    vi.stubEnv('AWS_NO_SIGN_REQUEST', 'YES');
    vi.stubEnv('AWS_REQUEST_PAYER', 'requester');
    const fromEnvironment = await headersOf({});
    expect(fromEnvironment.authorization).toBeUndefined();
    expect(fromEnvironment['x-amz-request-payer']).toBe('requester');
    expect((await headersOf({ anonymous: false, requesterPays: false })).authorization).toMatch(/^AWS4/);
  });
});

describe('words for failures', () => {
  test('a pause in seconds, as a date, or in nonsense', () => {
    expect(parseRetryAfter('3')).toBe(3000);
    expect(parseRetryAfter(new Date(Date.now() + 5000).toUTCString())).toBeGreaterThan(3000);
    for (const text of ['soon', '', null, undefined, 'Sat, 05 Sep 2020 10:00:00 GMT', '-5']) {
      expect(parseRetryAfter(text)).toBe(0);
    }
  });

  test('names and certificates do not heal by waiting; other failures of the net may', () => {
    for (const code of [
      'ENOTFOUND',
      'CERT_HAS_EXPIRED',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ]) {
      expect(connectionFailure('https://h/x', 'h', code, null)).toBeInstanceOf(SourceError);
    }
    for (const code of [
      'ECONNRESET',
      'EAI_AGAIN',
      'ETIMEDOUT',
      'EPIPE',
      'UND_ERR_CONNECT_TIMEOUT',
      'EHOSTUNREACH',
    ]) {
      expect(connectionFailure('https://h/x', 'h', code, null)).toBeInstanceOf(Hiccup);
    }
  });
});
