import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFrustum } from '../support/run-command.ts';

let dir: string;
let scene: string;
let truth: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-verbs-'));
  const out = join(dir, 'land');
  const { status } = await runFrustum('synth', '--size', '300x260', '--seed', '4', '--out', out);
  expect(status).toBe(0);
  scene = join(out, 'scene.tif');
  truth = join(out, 'truth.tif');
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('frustum', () => {
  it.each(['segment', 'info', 'convert', 'quantize', 'pyramid', 'polygonize', 'synth', 'evaluate', 'stac'])(
    '%s --help shows how, with examples',
    async (verb) => {
      const { status, stdout } = await runFrustum(verb, '--help');
      expect(status).toBe(0);
      expect(stdout).toContain(`frustum ${verb}`);
      expect(stdout).toContain('Examples:');
    },
  );

  it('--help lists the verbs and the exit codes', async () => {
    const { status, stdout } = await runFrustum('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('Exit codes');
  });

  it('that has done its work is not called failed by a signal that comes as it leaves', async () => {
    // From the last moment on, signals come as fast as a shell can send them.
    const hammer = `data:text/javascript,${encodeURIComponent(
      `import { spawn } from 'node:child_process';
      process.on('exit', () => {
        const script = \`while kill -TERM \${process.pid} 2>/dev/null; do :; done\`;
        spawn('sh', ['-c', script], { detached: true, stdio: 'ignore' }).unref();
        const until = Date.now() + 50;
        while (Date.now() < until);
      });`,
    )}`;
    const child = spawn(process.execPath, ['--import', hammer, resolve('bin/frustum.js'), 'info', scene], {
      stdio: 'ignore',
    });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('synth makes the same bytes again, and other land from another seed', async () => {
    const make = async (name: string, seed: string) => {
      await runFrustum('synth', '--size', '300x260', '--seed', seed, '--out', join(dir, name));
      return readFile(join(dir, name, 'scene.tif'));
    };
    expect(await make('again', '4')).toEqual(await readFile(scene));
    expect(await make('other', '5')).not.toEqual(await readFile(scene));
  });

  it('info describes a scene on one screen, and as JSON with its corners in degrees', async () => {
    const text = await runFrustum('info', scene);
    expect(text.status).toBe(0);
    expect(text.stdout).toContain('300 x 260');
    expect(text.stdout).toContain('EPSG:32623');
    expect(text.stdout.split('\n').length).toBeLessThan(40);
    const json = JSON.parse((await runFrustum('info', scene, '--json')).stdout);
    expect(json).toMatchObject({ width: 300, height: 260, bands: 4, crs: { epsg: 32623 } });
    const corner = json.cornersWgs84.find((c: { name: string }) => c.name === 'upper left');
    // UTM zone 23 is about 45 degrees west; easting 500 km is its middle.
    expect(corner.lon).toBeCloseTo(-45, 6);
    expect(corner.lat).toBeGreaterThan(68);
  });

  it('pyramid writes a level a distance, and pyramid.json', async () => {
    const out = join(dir, 'pyramid');
    const args = ['pyramid', scene, '--out', out, '--distances', '1,3,6', '--bands', '2,3,4'];
    expect((await runFrustum(...args)).status).toBe(0);
    expect((await readdir(out)).sort()).toEqual([
      'distance-1.tif',
      'distance-3.tif',
      'distance-6.tif',
      'pyramid.json',
    ]);
    const level = JSON.parse((await runFrustum('info', join(out, 'distance-3.tif'), '--json')).stdout);
    expect(level).toMatchObject({ width: 100, height: 87, pixelSize: [12, 12] });
    const bad = await runFrustum('pyramid', scene, '--out', out, '--distances', '1,2.5');
    expect(bad.status).toBe(2);
  });

  it('polygonize traces a class raster into several files, with its own colours and given names', async () => {
    const a = join(dir, 'a.geojson');
    const b = join(dir, 'b.geojsonl');
    expect((await runFrustum('polygonize', truth, '--out', a, b)).status).toBe(0);
    const { features } = JSON.parse(await readFile(a, 'utf8'));
    const total = features.reduce(
      (n: number, f: { properties: { pixel_count: number } }) => n + f.properties.pixel_count,
      0,
    );
    expect(total).toBe(300 * 260);
    expect((await readFile(b, 'utf8')).trimEnd().split('\n').length).toBe(features.length);

    const classes = join(dir, 'classes.json');
    const names = ['none', 'town', 'fields', 'woods', 'grass', 'lake'];
    await writeFile(
      classes,
      JSON.stringify({ classes: names.map((name, id) => ({ id, name, color: '#123456' })) }),
    );
    expect((await runFrustum('polygonize', truth, '--out', a, '--classes', classes)).status).toBe(0);
    for (const { properties } of JSON.parse(await readFile(a, 'utf8')).features) {
      expect(properties.class_name).toBe(names[properties.class_id]);
    }
  });

  it('polygonize refuses unknown formats and rasters that are no class maps, and leaves nothing', async () => {
    const shape = await runFrustum('polygonize', truth, '--out', join(dir, 'x.shp'));
    expect(shape.failure).toMatchObject({ tag: 'ConfigError', message: expect.stringContaining('.geojson') });
    expect(shape.status).toBe(2);
    const bands = await runFrustum('polygonize', scene, '--out', join(dir, 'x.geojson'));
    expect(bands.failure).toMatchObject({ tag: 'ConfigError', message: expect.stringContaining('4 band') });
    expect((await readdir(dir)).filter((file) => file.includes('x.'))).toEqual([]);
  });

  it('evaluate scores a map: a table, or JSON', async () => {
    const perfect = await runFrustum('evaluate', '--pred', truth, '--truth', truth, '--json');
    expect(JSON.parse(perfect.stdout)).toMatchObject({ overallAccuracy: 1, meanIou: 1, pixels: 300 * 260 });
    const file = join(dir, 'scores.json');
    const table = await runFrustum(
      'evaluate',
      '--pred',
      truth,
      '--truth',
      truth,
      '--ignore',
      '2',
      '--json',
      file,
    );
    expect(table.stdout).toMatch(/mIoU 100/);
    const ignored = JSON.parse(await readFile(file, 'utf8'));
    expect(ignored.pixels + ignored.ignoredPixels).toBe(300 * 260);
  });

  it('evaluate refuses maps of another size', async () => {
    const other = join(dir, 'small');
    await runFrustum('synth', '--size', '64x64', '--out', other);
    const result = await runFrustum('evaluate', '--pred', join(other, 'truth.tif'), '--truth', truth);
    expect(result.failure).toMatchObject({ tag: 'ConfigError', message: expect.stringContaining('64') });
    expect(result.status).toBe(2);
  });
});
