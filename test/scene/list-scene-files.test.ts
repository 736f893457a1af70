import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { listSceneFiles } from '../../src/scene/list-scene-files.ts';
import { nameOf } from '../../src/scene/open-scene.ts';
import { type FaultServer, startFaultServer } from '../support/http-fault-server.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());
afterEach(() => {
  server.files.clear();
});
const serve = (path: string, text: string) =>
  server.files.set(path, { bytes: new TextEncoder().encode(text) });
const index = (...locations: readonly string[]) =>
  JSON.stringify({ features: locations.map((location) => ({ properties: { location } })) });
const options = () => ({
  s3: { endpoint: server.url, anonymous: true, region: 'here-1' },
  attempts: 1,
});

test('a list on a web server names files beside it, whatever letters they have', async () => {
  serve(
    '/t/list.txt',
    'a b é.tif\nsub/scan:1 #2.tif\n../up.tif\nhttps://else.org/x.tif?sig=1\ns3://b/k#1.tif\n',
  );
  const base = server.url.replace('//', '//user:pass@');
  expect(await listSceneFiles(`@${base}/t/list.txt?sig=hush`, options())).toEqual([
    `${base}/t/a%20b%20%C3%A9.tif`,
    `${base}/t/sub/scan:1%20%232.tif`,
    `${base}/up.tif`,
    'https://else.org/x.tif?sig=1',
    's3://b/k#1.tif',
  ]);
});

test('a list in a bucket names keys beside it, as they are', async () => {
  serve('/land/a//é/list.txt', 'ü 1.tif\n./b#c?d%20.tif\n../../top.tif\n');
  expect(await listSceneFiles('@s3://land/a//é/list.txt', options())).toEqual([
    's3://land/a//é/ü 1.tif',
    's3://land/a//é/b#c?d%20.tif',
    's3://land/a/top.tif',
  ]);
});

test('a tile index is known by its ending, with a signature or a version behind it', async () => {
  serve('/t/index.geojson', index('a.tif'));
  const url = `${server.url}/t/index.geojson?sig=hush`;
  expect(await listSceneFiles(url, options())).toEqual([`${server.url}/t/a.tif`]);
  expect(nameOf(url, 'first')).toBe(`${server.url}/t/index.geojson`);
  const key = 's3://t/index.geojson?versionId=4';
  expect(await listSceneFiles(key, options())).toEqual(['s3://t/a.tif']);
  // On a disk these are letters as any others.
  expect(await listSceneFiles('index.geojson?a.tif', options())).toEqual(['index.geojson?a.tif']);
});

test("names in GDAL's own spelling of far files are understood", async () => {
  serve('/i.json', index('/vsicurl/https://host/a.tif?s=1', '/vsis3/bucket/a/b.tif', '/vsicurl.tif'));
  expect(await listSceneFiles(`${server.url}/i.json`, options())).toEqual([
    'https://host/a.tif?s=1',
    's3://bucket/a/b.tif',
    '/vsicurl.tif',
  ]);
});

test('a list that names nothing is refused without its secrets', async () => {
  serve('/empty.txt', '#\n');
  const error = await listSceneFiles(
    `@${server.url.replace('//', '//user:hush@')}/empty.txt?sig=hush`,
    options(),
  ).catch((caught: Error) => caught);
  expect(error).toMatchObject({
    message: `${server.url}/empty.txt lists no file; name at least one GeoTIFF`,
  });
});

test('a scene in place of a list is known as such', async () => {
  serve('/scene.tif', 'II*\0\b\0\0\0\n');
  await expect(listSceneFiles(`@${server.url}/scene.tif?sig=hush`, options())).rejects.toMatchObject({
    tag: 'FormatError',
    message: `${server.url}/scene.tif is no text, and so no list of files; leave out the @ if it is the scene itself`,
  });
});
