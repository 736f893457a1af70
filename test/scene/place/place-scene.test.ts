import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openGeoTiff } from '../../../src/geotiff/open-geotiff.ts';
import { openByteSource } from '../../../src/io/open-source.ts';
import { openScene } from '../../../src/scene/open-scene.ts';
import type { PlaceOptions } from '../../../src/scene/place/place-options.ts';
import { placeScene } from '../../../src/scene/place/place-scene.ts';
import { makeTiff, type TestImage } from '../../geotiff/make-tiff.ts';
import { type FaultServer, startFaultServer } from '../../support/http-fault-server.ts';

const IMAGE: TestImage = { width: 20, height: 10, bands: 3, samples: new Uint8Array(600) };
const UTM = [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32650];

let root: string;
let folder: string;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'frustum-place-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Places an image, in a folder of its own, beside which side files lie. */
async function place(
  image: Partial<TestImage>,
  side: Readonly<Record<string, string | Uint8Array>>,
  options: PlaceOptions = {},
  name = 'scene.tif',
) {
  folder = join(root, String(count++));
  const path = join(folder, name);
  await mkdir(folder);
  await writeFile(path, makeTiff([{ ...IMAGE, ...image }]));
  for (const [file, text] of Object.entries(side)) await writeFile(join(path, '..', file), text);
  const source = await openByteSource(path);
  try {
    return await placeScene(await openGeoTiff(source), path, options);
  } finally {
    await source.close();
  }
}

const WORLD = '2\n0\n0\n-2\n101\n199\n';
const AFFINE = { a: 2, b: 0, c: 100, d: 0, e: -2, f: 200 };
const PAM = (inner: string) => `<PAMDataset>${inner}</PAMDataset>`;
const GEO_TRANSFORM = PAM('<SRS>EPSG:32651</SRS><GeoTransform> 100.0, 2, 0, 200, 0,-2 </GeoTransform>');

describe('world files', () => {
  it.each(['scene.tfw', 'scene.TFW', 'scene.tifw', 'scene.TIFW', 'scene.wld', 'scene.WLD'])(
    '%s',
    async (file) => {
      const { info, place: record, warnings } = await place({ geoKeys: UTM }, { [file]: WORLD });
      expect(info.grid).toMatchObject({ transform: AFFINE, crs: { epsg: 32650 } });
      expect(record).toMatchObject({ source: 'world file', file, crsSource: 'TIFF' });
      expect(warnings).toEqual([]);
    },
  );

  it('of .tiff images may end in tiffw', async () => {
    expect((await place({}, { 'a.tiffw': WORLD }, {}, 'a.tiff')).place.file).toBe('a.tiffw');
    expect((await place({}, { 'b.tfw': WORLD }, {}, 'b.TIFF')).place.file).toBe('b.tfw');
  });

  it('may have carriage returns, a mark, commas for decimal points, words behind and UTF-16', async () => {
    const fancy = '\ufeff2,0\r\n0\r\n0\r\n-2.00\r\n1,01e2\r\n199\r\n\r\nsomething else\r\n';
    expect((await place({}, { 'scene.tfw': fancy })).info.grid.transform).toEqual(AFFINE);
    const wide = Buffer.from(`\ufeff${WORLD}`, 'utf16le');
    expect((await place({}, { 'scene.tfw': wide })).info.grid.transform).toEqual(AFFINE);
  });

  it('say centres: rotated ones too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: 0.1, max: 50, noNaN: true }), { minLength: 6, maxLength: 6 }),
        async ([a, d, b, e, x, y]) => {
          fc.pre(Math.abs(a! * e! + b! * d!) > 1e-3);
          const { info } = await place({}, { 'scene.tfw': [a, d, b, -e!, x, y].join('\n') });
          const t = info.grid.transform!;
          expect(t.a / 2 + t.b / 2 + t.c).toBeCloseTo(x!, 9);
          expect(t.d / 2 + t.e / 2 + t.f).toBeCloseTo(y!, 9);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('count only where the TIFF has no transform of its own', async () => {
    const { info, place: record } = await place(
      { place: [30, 30, 5, 6], geoKeys: UTM },
      { 'scene.tfw': 'broken' },
    );
    expect(info.grid.transform).toMatchObject({ a: 30, c: 5 });
    expect(record).toMatchObject({ source: 'transform', file: null });
  });

  it.each([
    ['empty', ''],
    ['short', '2\n0\n0\n-2\n101\n'],
    ['words', 'not a world file at all, really'],
    ['NaN', '2\n0\nnan\n-2\n101\n199\n'],
    ['infinite', '2\n0\n0\n-2\n1e999\n199\n'],
    ['singular', '2\n4\n1\n2\n101\n199\n'],
    ['zero', '0\n0\n0\n0\n0\n0\n'],
    ['garbage', Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 89) % 256))],
  ])('that are %s are refused by name', async (_, text) => {
    await expect(place({}, { 'scene.tfw': text })).rejects.toMatchObject({
      tag: 'FormatError',
      url: join(folder, 'scene.tfw'),
      message: expect.stringContaining('scene.tfw'),
    });
  });

  it('are not read whole where they are something else', async () => {
    await expect(place({}, { 'scene.wld': 'x'.repeat(70_000) })).rejects.toThrow(
      /scene\.wld has 70000 bytes/,
    );
  });
});

describe('.aux.xml', () => {
  it('goes before all that the TIFF says', async () => {
    const side = { 'scene.tif.aux.xml': GEO_TRANSFORM, 'scene.tfw': WORLD };
    const { info, place: record } = await place({ place: [30, 30, 5, 6], geoKeys: UTM }, side);
    expect(info.grid).toMatchObject({ transform: AFFINE, crs: { epsg: 32651 } });
    expect(record).toMatchObject({
      source: 'side file GeoTransform',
      file: 'scene.tif.aux.xml',
      crsSource: 'side file',
    });
  });

  it('has names and nodata where the TIFF has none', async () => {
    const bands = PAM(
      '<PAMRasterBand band="1"><Description>nir &amp; red</Description><NoDataValue>-9.99E+01</NoDataValue></PAMRasterBand>' +
        '<PAMRasterBand band="3"><Description>blue</Description></PAMRasterBand><PAMRasterBand band="4000000000"/>',
    );
    const { info } = await place({}, { 'scene.tif.aux.xml': bands });
    expect(info.bandNames).toEqual(['nir & red', null, 'blue']);
    expect(info.nodata).toBe(-99.9);
    expect((await place({ nodata: '7' }, { 'scene.tif.aux.xml': bands })).info.nodata).toBe(7);
  });

  it('whose CRS is not understood is said aloud, and the rest of it used', async () => {
    const side = { 'scene.tif.aux.xml': GEO_TRANSFORM.replace('EPSG:32651', 'LOCAL_CS["site"]') };
    const { info, warnings } = await place({ geoKeys: UTM }, side);
    expect(info.grid).toMatchObject({ transform: AFFINE, crs: { epsg: 32650 } });
    expect(warnings.join()).toMatch(/coordinate system in .*scene\.tif\.aux\.xml.*that of the TIFF is used/);
  });

  const broken: [string, string][] = [
    ['cut short', GEO_TRANSFORM.slice(0, 60)],
    ['no XML', 'hello'],
    ['empty', ''],
    ['another XML', '<html><body/></html>'],
    ['a bomb', `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${GEO_TRANSFORM}`],
  ];
  it.each(broken)('%s is refused where the TIFF needs it', async (_, text) => {
    await expect(place({}, { 'scene.tif.aux.xml': text })).rejects.toMatchObject({
      tag: 'FormatError',
      url: join(folder, 'scene.tif.aux.xml'),
      message: expect.stringContaining('scene.tif.aux.xml'),
    });
  });
  it.each(broken)('%s is ignored where the TIFF does without, and that is said', async (_, text) => {
    const { info, warnings } = await place(
      { place: [30, 30, 5, 6], geoKeys: UTM },
      { 'scene.tif.aux.xml': text },
    );
    expect(info.grid.transform).toMatchObject({ a: 30 });
    expect(warnings.join()).toMatch(/scene\.tif\.aux\.xml.*; it is ignored/);
  });

  it.each([
    ['NaN', PAM('<GeoTransform>nan,2,0,200,0,-2</GeoTransform>')],
    ['five numbers', PAM('<GeoTransform>1,2,0,200,0</GeoTransform>')],
    ['a singular transform', PAM('<GeoTransform>1,2,4,200,1,2</GeoTransform>')],
    ['an infinite control point', PAM('<GCPList><GCP Pixel="0" Line="0" X="inf" Y="1"/></GCPList>')],
    ['a control point without X', PAM('<GCPList><GCP Pixel="0" Line="0" Y="1"/></GCPList>')],
  ])('with %s is refused, needed or not', async (_, text) => {
    for (const image of [{}, { place: [30, 30, 5, 6] as const, geoKeys: UTM }]) {
      await expect(place(image, { 'scene.tif.aux.xml': text })).rejects.toMatchObject({
        tag: 'FormatError',
        url: join(folder, 'scene.tif.aux.xml'),
      });
    }
  });
});

const number = (i: number) => `${i === 0 ? 1 : 0.001 * (i % 7)}`;
const RPB = (change: (text: string) => string = (text) => text) => {
  const scalars = {
    lineOffset: 5,
    sampOffset: 10,
    latOffset: 30,
    longOffset: 110,
    heightOffset: 50,
    lineScale: 5,
    sampScale: 10,
    latScale: -0.1,
    longScale: 0.1,
    heightScale: 500,
  };
  const list = (values: string[]) => `(\n${values.join(',\n')});`;
  const linear = (at: number) => Array.from({ length: 20 }, (_, i) => (i === at ? '1' : '0'));
  const ones = Array.from({ length: 20 }, (_, i) => (i === 0 ? number(0) : '0'));
  return change(
    [
      'satId = "GF2";',
      'SpecId = "RPC00B";',
      'BEGIN_GROUP = IMAGE',
      ...Object.entries(scalars).map(([key, value]) => `\t${key} = ${value};`),
      `lineNumCoef = ${list(linear(2))}`,
      `lineDenCoef = ${list(ones)}`,
      `sampNumCoef = ${list(linear(1))}`,
      `sampDenCoef = ${list(ones)}`,
      'END_GROUP = IMAGE',
      'END;',
    ].join('\r\n'),
  );
};

describe('RPC files', () => {
  it('place an image on WGS 84, at their mean height or another', async () => {
    const { info, place: record } = await place({}, { 'scene.rpb': RPB() }, { rpcHeightM: 80 });
    expect(info.grid).toMatchObject({
      transform: null,
      warp: { kind: 'rpc', heightM: 80 },
      crs: { epsg: 4326 },
    });
    expect(record).toMatchObject({
      source: 'rational polynomials',
      file: 'scene.rpb',
      rpc: { heightM: 80, heightOffsetM: 50 },
    });
    const { warnings } = await place({}, { 'scene.rpb': RPB() }, { rpcHeightM: 900 });
    expect(warnings.join()).toMatch(/made for heights from -450 to 550 m, not 900 m/);
  });

  it.each([
    ['cut short', (t: string) => t.slice(0, 200)],
    ['cut within its coefficients', (t: string) => t.slice(0, t.indexOf('sampNumCoef') + 40)],
    ['with a word for a number', (t: string) => t.replace('latOffset = 30', 'latOffset = thirty')],
    ['with a coefficient of NaN', (t: string) => t.replace('(\n0,', '(\nnan,')],
    ['with 19 coefficients', (t: string) => t.replace('(\n0,\n', '(\n')],
    ['with a scale of 0', (t: string) => t.replace('lineScale = 5', 'lineScale = 0')],
    ['with a denominator of 0', (t: string) => t.replace('lineDenCoef = (\n1', 'lineDenCoef = (\n0')],
    ['of another image', (t: string) => t.replace('lineOffset = 5', 'lineOffset = 50000')],
    ['that fold the image', (t: string) => t.replace('sampNumCoef = (\n0,\n1,', 'sampNumCoef = (\n0,\n0,')],
    ['that are empty', () => ''],
  ])('%s are refused by name', async (_, change) => {
    const side = { 'scene.RPB': RPB(change as (text: string) => string) };
    await expect(place({}, side)).rejects.toMatchObject({
      tag: 'FormatError',
      url: join(folder, 'scene.RPB'),
      message: expect.stringContaining('scene.RPB'),
    });
  });

  it('in the order of RPC00A are refused as not supported', async () => {
    await expect(place({}, { 'scene.RPB': RPB((t) => t.replace('RPC00B', 'RPC00A')) })).rejects.toMatchObject(
      {
        tag: 'UnsupportedError',
      },
    );
  });
});

describe('options', () => {
  it('replace what files say, broken ones included', async () => {
    const transform = { a: 4, b: 0.5, c: 7, d: 0.25, e: 4, f: 9 };
    const side = { 'scene.tfw': 'broken', 'scene.RPB': 'broken', 'scene.tif.aux.xml': 'broken' };
    const {
      info,
      place: record,
      warnings,
    } = await place({ geoKeys: UTM }, side, { transform, crs: 'EPSG:4490' });
    expect(info.grid).toMatchObject({ transform, crs: { epsg: 4490, kind: 'geographic' } });
    expect(record).toMatchObject({ source: 'option', file: null, crsSource: 'option' });
    expect(warnings.join()).toMatch(/aux\.xml.*ignored/);
    const kept = await place(
      { place: [30, 30, 5, 6], geoKeys: UTM },
      {},
      { crs: '+proj=utm +zone=51 +datum=WGS84' },
    );
    expect(kept.info.grid).toMatchObject({ transform: { a: 30 }, crs: { epsg: null, metresPerUnit: 1 } });
  });

  it.each<[string, Partial<TestImage>, Record<string, string>, PlaceOptions]>([
    ['--crs', {}, {}, { crs: 'EPSG:32650' }],
    ['--crs', {}, { 'scene.rpb': RPB() }, { crs: 'EPSG:32650' }],
    ['--crs', { place: [30, 30, 5, 6] }, {}, { crs: 'EPSG:99999' }],
    ['--gcp-order', { place: [30, 30, 5, 6] }, {}, { gcpOrder: 2 }],
    ['--rpc-height', { place: [30, 30, 5, 6] }, {}, { rpcHeightM: 100 }],
    ['--rpc-height', {}, {}, { rpcHeightM: 100 }],
  ])('%s is refused where it has nothing to say', async (pointer, image, side, options) => {
    await expect(place(image, side, options)).rejects.toMatchObject({ tag: 'ConfigError', pointer });
  });

  it('with numbers that place nothing are refused', async () => {
    for (const transform of [
      { ...AFFINE, a: 0 },
      { ...AFFINE, c: Number.NaN },
      { ...AFFINE, f: Number.POSITIVE_INFINITY },
    ]) {
      await expect(place({}, {}, { transform })).rejects.toMatchObject({
        tag: 'FormatError',
        what: '--transform',
      });
    }
  });

  it('cannot put several files in one place', async () => {
    const paths: string[] = [];
    for (const name of ['a.tif', 'b.tif']) {
      await place({ place: [30, 30, 5, 6] }, {}, {}, name);
      paths.push(join(folder, name));
    }
    await expect(openScene(paths, { place: { transform: AFFINE } })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--transform',
    });
  });
});

describe('without any of them', () => {
  it('pixels have no place, and that is said', async () => {
    await place({}, {});
    const scene = await openScene(join(folder, 'scene.tif'));
    expect(scene.grid).toMatchObject({ transform: null, crs: null });
    expect(scene.metadata).toMatchObject({
      pixelCoordinates: true,
      place: { source: null, crsSource: null },
    });
    expect(scene.warnings.join()).toMatch(/no georeferencing: results are in pixel coordinates/);
    await scene.close();
  });
});

describe('over the net', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await startFaultServer();
  });
  afterAll(() => server.stop());
  afterEach(() => {
    server.seen.length = 0;
    server.files.clear();
  });
  const serve = (image: Partial<TestImage>, side: Readonly<Record<string, string>> = {}) => {
    server.files.set('/d/scene.tif', { bytes: makeTiff([{ ...IMAGE, ...image }]) });
    for (const [name, text] of Object.entries(side))
      server.files.set(`/d/${name}`, { bytes: Buffer.from(text) });
    return `${server.url}/d/scene.tif`;
  };
  const asked = () => [...new Set(server.seen.map(({ path }) => path.replace('/d/', '')))].sort();

  it('side files are not asked for where the TIFF has its place', async () => {
    const scene = await openScene(
      serve({ place: [30, 30, 5, 6], geoKeys: UTM }, { 'scene.tif.aux.xml': GEO_TRANSFORM }),
    );
    expect(scene.grid.transform).toMatchObject({ a: 30 });
    expect(asked()).toEqual(['scene.tif']);
    await scene.close();
  });

  it('side files are found where it has none; more than needed are not asked for', async () => {
    const scene = await openScene(serve({}, { 'scene.tif.aux.xml': GEO_TRANSFORM }));
    expect(scene.grid.transform).toEqual(AFFINE);
    expect(asked()).toEqual(['scene.tif', 'scene.tif.aux.xml']);
    await scene.close();
    server.seen.length = 0;
    server.files.clear();
    const world = await openScene(serve({}, { 'scene.TFW': WORLD }));
    expect(world.grid.transform).toEqual(AFFINE);
    expect(asked().length).toBe(8);
    expect(server.seen.length).toBeLessThan(10);
    await world.close();
  });

  it('pages that stand for missing files are no side files', async () => {
    server.fault = ({ path }) =>
      path === '/d/scene.tif' || path.endsWith('.rpb')
        ? null
        : { kind: 'answer', status: 200, body: '<!DOCTYPE html><html><body>Not found</body></html>' };
    const scene = await openScene(serve({}, { 'scene.rpb': RPB() }));
    expect(scene.metadata.place).toMatchObject({ source: 'rational polynomials', file: 'scene.rpb' });
    await scene.close();
    server.fault = () => null;
  });

  it('nothing is asked for beside a URL with a query, and that is said without the query', async () => {
    const scene = await openScene(`${serve({}, { 'scene.tfw': WORLD })}?signature=secret`);
    expect(scene.grid.transform).toBeNull();
    expect(asked()).toEqual(['scene.tif?signature=secret']);
    expect(scene.warnings.join()).toMatch(/side files .* are not looked for beside a URL with a query/);
    expect(scene.warnings.join()).not.toContain('secret');
    await scene.close();
  });
});
