import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { synthesize } from '../../src/pipeline/synthesize.ts';
import { placeWithGdal } from '../scene/place/with-gdal.ts';
import { needTool } from '../support/need-tool.ts';
import { runFrustum } from '../support/run-command.ts';

let folder: string;
let scene: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-place-cli-'));
  scene = (await synthesize({ width: 256, height: 192, seed: 3, outDir: folder })).scenePath;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const TMERC = '+proj=tmerc +lat_0=0 +lon_0=117 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 +units=m +no_defs';
const PLACE = ['--transform', '3,0.5,500100,-0.5,-3,4000000', '--crs', TMERC];

describe.skipIf(!needTool('gdal-python'))('options that say where a scene lies', () => {
  it('reach rasters, polygons and run.json; other options are another run', async () => {
    const out = join(folder, 'out');
    const base = ['segment', scene, '--model', 'models/sfrnet-mini-synth', '--bands', '2,3,4', '--out', out];
    expect((await runFrustum(...base, '--stride', '128')).status).toBe(0);
    const first = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
    expect((await runFrustum(...base, '--stride', '128', ...PLACE)).status).toBe(0);
    const second = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
    expect(second.identity).not.toBe(first.identity);
    expect(second.scene).toMatchObject({ crs: TMERC, place: { source: 'option', crsSource: 'option' } });
    for (const file of ['landcover.tif', 'confidence.tif']) {
      const { transform, proj4 } = placeWithGdal(join(out, file));
      expect(transform).toEqual([500_100, 3, 0.5, 4_000_000, -0.5, -3]);
      expect(proj4).toMatch(/^\+proj=tmerc \+lat_0=0 \+lon_0=117 \+k=1 \+x_0=500000 \+y_0=0 \+ellps=GRS80/);
    }
    const { features } = JSON.parse(await readFile(join(out, 'landcover.geojson'), 'utf8'));
    const [lon, lat] = features[0].geometry.coordinates[0][0];
    expect(lon).toBeGreaterThan(117);
    expect(lon).toBeLessThan(117.02);
    expect(lat).toBeCloseTo(36.13, 1);
  });

  it.each([
    [['--transform', '1,2,3'], null, 2],
    [['--transform', '0,0,1,0,0,1'], /places no pixel/, 1],
    [['--crs', 'nonsense'], /is no coordinate reference system/, 2],
    [['--gcp-order', '4'], null, 2],
    [['--gcp-order', '2'], /not placed by control points/, 2],
    [['--rpc-height', 'high'], null, 2],
  ])('%j are refused', async (flags, message, code) => {
    const { status, failure } = await runFrustum('info', scene, ...flags);
    expect(status).toBe(code);
    if (message !== null) expect(failure?.message).toMatch(message);
  });
});
