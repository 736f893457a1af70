import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Window } from '../../src/core/window.ts';

/**
 * Frustum's half of the reading benchmark: `read-tiff-ours.ts MODULES FILE whole | hash | windows LIST.json [THREADS]`, where MODULES is
 * the folder of the built package or of the sources. Imports are not timed; opening the file and starting decode threads are.
 */
const [modules, file, how, ...rest] = process.argv.slice(2) as [string, string, string, ...string[]];
const extension = modules.endsWith('src') ? 'ts' : 'js';
const { openGeoTiff } = await import(`${modules}/geotiff/open-geotiff.${extension}`);
const { openByteSource } = await import(`${modules}/io/open-source.${extension}`);
const windows: readonly Window[] | null =
  how === 'windows'
    ? JSON.parse(readFileSync(rest[0]!, 'utf8')).map(([x, y, width, height]: number[]) => ({
        x,
        y,
        width,
        height,
      }))
    : null;
const threads = how === 'windows' ? rest[1] : rest[0];

const used = process.cpuUsage();
const start = performance.now();
const source = await openByteSource(file);
const tiff = await openGeoTiff(source, threads === undefined ? {} : { decodeThreads: Number(threads) });
const bands = [...Array(tiff.info.bands).keys()];
const whole = { x: 0, y: 0, width: tiff.info.width, height: tiff.info.height };
let pixels: Uint8Array | null = null;
for (const window of windows ?? [whole]) {
  pixels = await tiff.readBands(window, bands);
}
const wallS = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(used);
await tiff.close();
const answer = { wallS, cpuS: (user + system) / 1e6, rssMB: process.resourceUsage().maxRSS / 1024 };
const sha256 =
  how === 'hash' && pixels
    ? createHash('sha256')
        .update(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength))
        .digest('hex')
    : undefined;
process.stdout.write(`${JSON.stringify({ ...answer, ...(sha256 && { sha256 }) })}\n`);
