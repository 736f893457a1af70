import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { openByteSource } from '../../src/io/open-source.ts';
import { proxyOf } from '../../src/io/proxies.ts';
import { type ForwardProxy, startForwardProxy } from '../support/forward-proxy.ts';
import { type FaultServer, startFaultServer } from '../support/http-fault-server.ts';

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) >> 3);
const OPTIONS = { attempts: 2, backoffMs: 1, stallMs: 3000 };
let server: FaultServer;
let proxy: ForwardProxy;
beforeAll(async () => {
  server = await startFaultServer();
  for (const name of ['/scene.bin', '/maps/scene.bin']) server.files.set(name, { bytes });
});
afterAll(() => server.stop());
beforeEach(async () => {
  for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']) {
    vi.stubEnv(name, '');
    vi.stubEnv(name.toUpperCase(), '');
  }
  server.seen.length = 0;
  server.fault = () => null;
  proxy = await startForwardProxy();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await proxy.stop();
});

const readSome = async (url: string) => {
  const source = await openByteSource(url, OPTIONS);
  try {
    return await source.read(290_000, 1000);
  } finally {
    await source.close();
  }
};
const expected = bytes.slice(290_000, 291_000);

describe('http', () => {
  test.each(['http_proxy', 'HTTP_PROXY', 'all_proxy'])(
    'goes through %s, request by request',
    async (name) => {
      vi.stubEnv(name, `http://${proxy.host}`);
      expect(await readSome(`${server.url}/scene.bin`)).toEqual(expected);
      expect(proxy.asked).toEqual(server.seen.map(() => `GET ${server.url}/scene.bin`));
      expect(proxy.asked.length).toBeGreaterThan(0);
    },
  );

  test('without a scheme too, and with a login, which the server never sees', async () => {
    vi.stubEnv('http_proxy', proxy.host);
    expect(await readSome(`${server.url}/scene.bin`)).toEqual(expected);
    vi.stubEnv('http_proxy', `http://user:pass%20word@${proxy.host}`);
    expect(await readSome(`${server.url}/scene.bin`)).toEqual(expected);
    expect(proxy.credentials()).toBe(`Basic ${btoa('user:pass word')}`);
    for (const { headers } of server.seen) expect(headers['proxy-authorization']).toBeUndefined();
  });

  test('goes straight where no_proxy says so, or there is none', async () => {
    expect(await readSome(`${server.url}/scene.bin`)).toEqual(expected);
    vi.stubEnv('http_proxy', `http://${proxy.host}`);
    for (const excepted of ['127.0.0.1', '*', 'example.org,127.0.0.1']) {
      vi.stubEnv('no_proxy', excepted);
      expect(await readSome(`${server.url}/scene.bin`)).toEqual(expected);
    }
    expect(proxy.asked).toEqual([]);
  });

  test('is tried again where the way is cut, and stays bounded', async () => {
    vi.stubEnv('http_proxy', `http://${proxy.host}`);
    server.fault = (_, nth) => (nth === 0 ? { kind: 'cut', after: 100 } : null);
    expect(await readSome(`${server.url}/scene.bin`)).toEqual(expected);
    server.fault = () => ({ kind: 'reset' });
    await expect(readSome(`${server.url}/scene.bin`)).rejects.toMatchObject({ tag: 'SourceError' });
  });

  test('says which proxy does not answer, without its password', async () => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as { port: number };
    gone.close();
    vi.stubEnv('http_proxy', `http://user:secret@127.0.0.1:${port}`);
    const error = await readSome(`${server.url}/scene.bin`).catch((cause: Error) => cause);
    expect(error).toMatchObject({ tag: 'SourceError', retryable: true });
    expect(String(error)).toContain(`the proxy 127.0.0.1:${port}`);
    expect(String(error)).not.toContain('secret');
  });
});

describe('https', () => {
  test('asks the proxy for a tunnel, and says so where it is refused', async () => {
    vi.stubEnv('https_proxy', `http://${proxy.host}`);
    proxy.refuseTunnels = 407;
    const error = await readSome('https://scenes.example/scene.bin').catch((cause: Error) => cause);
    expect(proxy.asked[0]).toBe('CONNECT scenes.example:443');
    expect(error).toMatchObject({ tag: 'SourceError' });
    expect(String(error)).toContain(`the proxy ${proxy.host}`);
  });
});

describe('an S3 store', () => {
  beforeEach(() => {
    vi.stubEnv('AWS_ENDPOINT_URL', server.url);
    vi.stubEnv('AWS_NO_SIGN_REQUEST', 'YES');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  });

  test('is reached through it', async () => {
    vi.stubEnv('http_proxy', `http://${proxy.host}`);
    expect(await readSome('s3://maps/scene.bin')).toEqual(expected);
    expect(proxy.asked.length).toBe(server.seen.length);
    expect(proxy.asked[0]).toContain(`GET ${server.url}/maps/scene.bin`);
  });

  test('or straight', async () => {
    vi.stubEnv('http_proxy', `http://${proxy.host}`);
    vi.stubEnv('no_proxy', '127.0.0.1');
    expect(await readSome('s3://maps/scene.bin')).toEqual(expected);
    expect(proxy.asked).toEqual([]);
  });

  test('of https by a tunnel', async () => {
    vi.stubEnv('https_proxy', `http://${proxy.host}`);
    vi.stubEnv('AWS_ENDPOINT_URL', 'https://store.example');
    proxy.refuseTunnels = 403;
    await expect(readSome('s3://maps/scene.bin')).rejects.toMatchObject({ tag: 'SourceError' });
    expect(proxy.asked[0]).toBe('CONNECT store.example:443');
  });
});

test('what is no http proxy is refused, unseen', () => {
  vi.stubEnv('https_proxy', 'socks5://user:secret@10.0.0.1:1080');
  expect(() => proxyOf('https://scenes.example/a.tif')).toThrow(/a socks5: URL; expected http:\/\/HOST:PORT/);
  vi.stubEnv('https_proxy', 'http://user:secret@:port');
  try {
    proxyOf('https://scenes.example/a.tif?signature=hidden');
    expect.unreachable();
  } catch (error) {
    expect(String(error)).not.toMatch(/secret|hidden/);
  }
});
