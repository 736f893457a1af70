import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeTiff } from '../geotiff/make-tiff.ts';
import { cutImage, pieces, placed, writePieces } from '../scene/cut-scene.ts';
import { runFrustum } from '../support/run-command.ts';

const SIZE = { width: 200, height: 150, bands: 4 };
const image = placed({
  ...SIZE,
  nodata: '0',
  extraSamples: [0],
  samples: Uint16Array.from(
    { length: 200 * 150 * 4 },
    (_, i) => 1 + ((Math.imul(i, 2654435761) >>> 0) % 3000),
  ),
});

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-cli-scene-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function map(out: string, ...args: string[]) {
  const model = ['--model', 'models/sfrnet-mini-synth', '--no-preview', '--out', join(dir, out)];
  const result = await runFrustum('segment', ...args, ...model);
  expect([result.failure, result.status]).toEqual([null, 0]);
  const run = JSON.parse(await readFile(join(dir, out, 'run.json'), 'utf8'));
  // Of maps, polygons and styles: report and STAC Item name the scene's files.
  const hashes = (run.outputs as { file: string; sha256: string }[])
    .filter(({ file }) => file !== 'report.html' && file !== 'stac-item.json')
    .map(({ file, sha256 }) => `${file} ${sha256}`);
  return { run, hashes };
}

describe('frustum segment', () => {
  it('takes presets, stretches, several files, lists of them and recorded stretches', async () => {
    const how = ['--bands', 'gf2', '--stretch', 'stddev:2,gamma=1.3'];
    const whole = await map('whole', writeTiff(join(dir, 'whole.tif'), image), ...how);
    expect(whole.run.scene.bands).toEqual(['3', '2', '1']);
    expect(whole.run.scene.stretch).toMatchObject({ kind: 'stddev', deviations: 2, gamma: 1.3 });
    const files = writePieces(join(dir, 'pieces'), image, pieces(image, 2, 2), 'whole');
    expect((await map('files', ...files, ...how)).hashes).toEqual(whole.hashes);
    const list = join(dir, 'pieces', 'whole.txt');
    await writeFile(list, files.join('\n'));
    expect((await map('list', `@${list}`, ...how)).hashes).toEqual(whole.hashes);
    const recorded = ['--bands', 'gf2', '--stretch', `recorded:${join(dir, 'whole', 'run.json')}`];
    const again = await map('recorded', join(dir, 'whole.tif'), ...recorded);
    expect(again.hashes).toEqual(whole.hashes);
    expect(again.run.scene).toEqual(whole.run.scene);
  });

  it('refuses files of different grids as wrong usage', async () => {
    const part = cutImage(image, { x: 0, y: 0, width: 64, height: 64 });
    const files = [placed(part), { ...placed(part, 64), place: [4, 4, 600_257, 7_500_000] as const }].map(
      (one, i) => writeTiff(join(dir, `off-${i}.tif`), one),
    );
    const out = ['--bands', 'gf2', '--model', 'models/sfrnet-mini-synth', '--out', join(dir, 'off')];
    const { status, failure } = await runFrustum('segment', ...files, ...out);
    expect(status).toBe(2);
    expect(failure?.message).toMatch(
      /off-1\.tif does not lie on the pixels of .*off-0\.tif: it is off by 0\.25 and 0/,
    );
  });
});

describe('frustum info', () => {
  it('does not show an endpoint that it refuses: there may be a password in it', async () => {
    const { status, failure } = await runFrustum('info', 's3://b/k', '--s3-endpoint', 'ftp://user:hush@host');
    expect(status).toBe(2);
    expect(failure?.message).toBe(
      '--s3-endpoint is no usable URL; expected one such as https://store.example.org',
    );
  });
});
