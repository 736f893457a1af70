import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import {
  openByteSource,
  type SegmentOptions,
  type SegmentReport,
  segment,
  synthesize,
} from '../../src/index.ts';
import { collectRuns } from '../../src/pipeline/collect-runs.ts';
import type { StacItem } from '../../src/sink/stac/item.ts';
import { stacErrors } from '../sink/stac/validate.ts';
import { needTool } from '../support/need-tool.ts';

const MODEL = 'models/sfrnet-mini-synth';

let dir: string;
let scene: string;
let report: SegmentReport;
let item: StacItem;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-documents-'));
  scene = (await synthesize({ width: 400, height: 300, seed: 5, outDir: join(dir, 'land') })).scenePath;
  report = await map('runs/a', { datetime: '2024-05-01T10:30:00Z' });
  item = await readItem('runs/a/stac-item.json');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function map(name: string, options: Partial<SegmentOptions> = {}): Promise<SegmentReport> {
  return segment({ scene, model: MODEL, outDir: join(dir, name), bands: [2, 3, 4], stride: 64, ...options });
}

async function readItem(path: string): Promise<StacItem> {
  return JSON.parse(await readFile(join(dir, path), 'utf8'));
}

describe('the STAC Item of a run', () => {
  it('is valid and holds every other output with its true size and checksum', async () => {
    expect(stacErrors(item)).toEqual([]);
    const { run, ...files } = item.assets;
    expect(run!.href).toBe('./run.json');
    const listed = Object.values(files).map((asset) => asset.href.replace('./', ''));
    const written = report.outputs.map(({ file }) => file).filter((file) => file !== 'stac-item.json');
    expect(listed.sort()).toEqual(written.sort());
    for (const asset of Object.values(files)) {
      const bytes = await readFile(join(dir, 'runs/a', asset.href));
      expect(asset['file:size']).toBe(bytes.length);
      expect(asset['file:checksum']).toBe(`1220${createHash('sha256').update(bytes).digest('hex')}`);
    }
  });

  it('links to the item of the model that made it, which is valid too', async () => {
    const link = item.links.find(({ rel }) => rel === 'derived_from')!;
    const path = resolve(dir, 'runs/a', decodeURIComponent(link.href));
    expect(path).toBe(resolve(MODEL, 'stac-item.json'));
    const model = JSON.parse(await readFile(path, 'utf8'));
    expect(stacErrors(model)).toEqual([]);
    expect(model.properties['mlm:name']).toBe(link['mlm:name']);
  });

  it('says when the scene was taken, and what is in it', () => {
    expect(item.properties).toMatchObject({ datetime: '2024-05-01T10:30:00Z', gsd: 4, title: 'scene' });
    const classes = item.assets.landcover!['classification:classes'] as { name: string; count?: number }[];
    expect(classes.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(400 * 300);
  });

  it('says of which scene, network and time they are: polygons and rasters do, too', async () => {
    const facts = { SCENE: 'scene', MODEL: report.model.name, TAKEN: '2024-05-01T10:30:00Z' };
    const polygons = JSON.parse(await readFile(join(dir, 'runs/a/landcover.geojson'), 'utf8'));
    expect(polygons.metadata).toMatchObject(facts);
    for (const file of ['landcover.tif', 'confidence.tif']) {
      const raster = await openGeoTiff(await openByteSource(join(dir, 'runs/a', file)));
      expect(raster.info.metadata).toMatchObject(facts);
      await raster.close();
    }
  });

  it('refuses a time that is none before anything is done', async () => {
    await expect(map('never', { datetime: 'spring' })).rejects.toMatchObject({
      tag: 'ConfigError',
      pointer: '--datetime',
    });
    expect(existsSync(join(dir, 'never'))).toBe(false);
  });

  it('without --datetime takes the time from the file, else says what is known', async () => {
    const modified = new Date((await stat(scene)).mtimeMs).toISOString();
    expect(report.config.taken).toEqual({ datetime: '2024-05-01T10:30:00Z' });
    const untold = await map('untold', { stride: 128, report: false, preview: false, vector: [] });
    expect(untold.config.taken).toMatchObject({ datetime: null, start_datetime: '1957-10-04T00:00:00Z' });
    expect((untold.config.taken as { end_datetime: string }).end_datetime.slice(0, 19)).toBe(
      modified.slice(0, 19),
    );
    const raster = await openGeoTiff(await openByteSource(join(dir, 'untold/landcover.tif')));
    expect(raster.info.metadata).toMatchObject({ SCENE: 'scene' });
    expect(raster.info.metadata).not.toHaveProperty('TAKEN');
    await raster.close();
    expect(stacErrors(await readItem('untold/stac-item.json'))).toEqual([]);
  });

  it.skipIf(!needTool('gdal_translate'))('reads the DateTime tag of a TIFF', async () => {
    const dated = join(dir, 'dated.tif');
    execFileSync('gdal_translate', ['-q', '-mo', 'TIFFTAG_DATETIME=2019:06:07 08:09:10', scene, dated]);
    const mapped = await map('dated', {
      scene: dated,
      stride: 128,
      report: false,
      preview: false,
      vector: [],
    });
    expect(mapped.config.taken).toEqual({ datetime: '2019-06-07T08:09:10Z' });
  });
});

describe('a run over a part, generalised, in several coordinate systems', () => {
  it('says so in its documents; each file of polygons tells its own coordinates', async () => {
    const part = await map('part', {
      stride: 128,
      bboxPx: [37, 51, 297, 291],
      vector: ['fgb', 'a.b.gpkg', 'a-b.gpkg', 'more.json'],
      polygons: {
        mmu: { areaM2: 4000 },
        simplify: { method: 'vw', toleranceM: 12 },
        smooth: 2,
        crs: 'EPSG:3857',
      },
    });
    const partial = await readItem('part/stac-item.json');
    expect(stacErrors(partial)).toEqual([]);
    const code = (file: string) =>
      Object.values(partial.assets).find(({ href }) => href === `./${file}`)?.['proj:code'];
    expect(partial.properties['proj:code']).toBe('EPSG:32623');
    expect(code('landcover.fgb')).toBe('EPSG:3857');
    expect(code('a.b.gpkg')).toBe('EPSG:3857');
    expect(code('a-b.gpkg')).toBe('EPSG:3857');
    expect(code('more.json')).toBe('EPSG:4326');
    expect(partial.assets['more-json']!.type).toBe('application/geo+json');
    expect(Object.keys(partial.assets)).toHaveLength(part.outputs.length);
    const merged = partial.assets['landcover-sieved']!['classification:classes'] as object[];
    expect(merged.some((entry) => 'count' in entry)).toBe(false);
    expect(merged).toHaveLength(part.classes.length + 1);

    // The part's outline, not the scene's.
    const { width, height } = { width: 260, height: 240 };
    expect(partial.properties['proj:shape']).toEqual([height, width]);
    const whole = item.bbox!;
    const [west, south, east, north] = partial.bbox!;
    expect(west > whole[0] && south > whole[1] && east < whole[2] && north < whole[3]).toBe(true);

    const said = 'merged below 4000 m², simplified by Visvalingam, 12 m, smoothed 2 times';
    expect(partial.properties['processing:lineage']).toContain(
      `Mapped in part: 62400 pixels in columns 37 to 296, rows 51 to 290. Polygons: ${said}.`,
    );
    const html = await readFile(join(dir, 'part/report.html'), 'utf8');
    expect(html).toContain(said);
    expect(html).toContain('62400 pixels in columns 37 to 296');
    // The table's pixels and confidence are the raster's, also of classes that lost or won areas.
    const plain = await map('part-plain', { stride: 128, bboxPx: [37, 51, 297, 291], vector: ['fgb'] });
    const fromRaster = (r: SegmentReport) => r.classes.map((c) => [c.pixels, c.meanConfidence]);
    expect(fromRaster(part)).toEqual(fromRaster(plain));
    expect(part.generalisation!.pixelsMerged).toBeGreaterThan(0);
  });
});

describe('report.html of a run', () => {
  it('is one page of less than 2 MB with the run in it, and no time that a rerun would change', async () => {
    const html = await readFile(join(dir, 'runs/a/report.html'), 'utf8');
    expect(html.length).toBeLessThan(2_000_000);
    expect(html).toContain('data:image/webp;base64,');
    for (const { name, pixels } of report.classes) if (pixels > 0) expect(html).toContain(`${name}</th>`);
    expect(html).toContain('sfrnet-mini-synth');
    expect(html).toContain('2024-05-01T10:30:00Z');
    expect(html).toContain(`<strong>${report.seams.excess!.toFixed(2)}</strong>`);
    expect(html).not.toContain(dir);
  });

  it('is left out with report: false, and with it its asset; without polygons the table keeps its confidence', async () => {
    const bare = await map('bare', { report: false, preview: false, vector: [] });
    expect(bare.outputs.map(({ file }) => file).sort()).toEqual([
      'confidence.qml',
      'confidence.tif',
      'landcover.qml',
      'landcover.sld',
      'landcover.tif',
      'landcover.tif.aux.xml',
      'stac-item.json',
    ]);
    const { assets } = await readItem('bare/stac-item.json');
    expect(Object.keys(assets)).not.toContain('report');
    const mean = (r: SegmentReport) => r.classes.map(({ meanConfidence }) => meanConfidence);
    for (const [i, value] of mean(report).entries()) {
      if (value === null) expect(mean(bare)[i]).toBeNull();
      else expect(mean(bare)[i]).toBeCloseTo(value, 9);
    }
    expect(await readFile(join(dir, 'bare/landcover.qml'), 'utf8')).not.toContain('renderer-v2');
  });
});

it('a document that cannot be written takes the whole run with it', async () => {
  const out = join(dir, 'blocked');
  await mkdir(join(out, 'stac-item.json'), { recursive: true });
  await expect(map('blocked', { stride: 128, vector: [] })).rejects.toMatchObject({ tag: 'SourceError' });
  expect(await readdir(out)).toEqual(['stac-item.json']);
});

describe('seams of a run', () => {
  it('show more where windows do not overlap than where they do', async () => {
    const apart = await map('apart', { stride: 128, report: false, preview: false, vector: [] });
    expect(apart.seams.excess).toBeGreaterThan(report.seams.excess! * 1.5);
    expect(report.seams.seamPairs).toBeGreaterThan(apart.seams.seamPairs);
  });
});

describe('collectRuns', () => {
  it('makes a valid collection whose items lead to the files of the runs, and leaves the runs as they are', async () => {
    await map('runs/b', { stride: 128 });
    const before = await readFile(join(dir, 'runs/a/stac-item.json'), 'utf8');
    const out = join(dir, 'catalogue/deep/collection.json');
    await mkdir(dirname(out), { recursive: true });
    const { collection, outputs } = await collectRuns({
      runs: [join(dir, 'runs/a'), join(dir, 'runs/b')],
      out,
      title: 'Two maps',
    });
    expect(stacErrors(collection)).toEqual([]);
    expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(collection);
    expect(collection).toMatchObject({ id: 'deep', title: 'Two maps' });
    const links = collection.links.filter(({ rel }) => rel === 'item');
    expect(links).toHaveLength(2);
    expect(outputs).toEqual([...links.map(({ href }) => resolve(dirname(out), href)), out]);
    for (const { href } of links) {
      const path = resolve(dirname(out), href);
      const member = JSON.parse(await readFile(path, 'utf8')) as StacItem;
      expect(stacErrors(member)).toEqual([]);
      expect(member.collection).toBe('deep');
      for (const { href: target } of [...member.links, ...Object.values(member.assets)]) {
        expect(existsSync(resolve(dirname(path), decodeURIComponent(target)))).toBe(true);
      }
    }
    expect(await readFile(join(dir, 'runs/a/stac-item.json'), 'utf8')).toBe(before);
  });

  it.each([
    ['nothing', async (run: string) => rm(run, { recursive: true })],
    ['no record', async (run: string) => rm(join(run, 'run.json'))],
    ['a damaged record', async (run: string) => writeFile(join(run, 'run.json'), '{')],
    ['a missing file', async (run: string) => rm(join(run, 'confidence.tif'))],
    ['a changed file', async (run: string) => writeFile(join(run, 'landcover.qml'), 'x')],
  ])('refuses a folder with %s, by name, and writes nothing', async (_, harm) => {
    const run = join(dir, 'harmed');
    await cp(join(dir, 'runs/a'), run, { recursive: true });
    await harm(run);
    const out = join(dir, 'refused/collection.json');
    await expect(collectRuns({ runs: [join(dir, 'runs/a'), run], out })).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringContaining('harmed holds no finished run'),
    });
    expect(existsSync(dirname(out))).toBe(false);
    await rm(run, { recursive: true, force: true });
  });

  it('refuses the same run twice', async () => {
    const runs = [join(dir, 'runs/a'), join(dir, 'runs/a')];
    await expect(collectRuns({ runs, out: join(dir, 'twice/collection.json') })).rejects.toThrow(/two items/);
  });
});
