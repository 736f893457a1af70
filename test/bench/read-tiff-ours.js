import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * Frustum's half of the reading benchmark: `read-tiff-ours.js MODULES FILE whole | hash | windows LIST.json [THREADS]`, where MODULES
 * is the folder of the built package. Imports are not timed; opening the file, and starting and warming decode threads, are.
 * Plain JavaScript, because a loader for TypeScript would take part in every import of the package and add its own threads.
 */
const [modules, file, how, ...rest] = process.argv.slice(2);
const { openGeoTiff } = await import(`${modules}/geotiff/open-geotiff.js`);
const { openByteSource } = await import(`${modules}/io/open-source.js`);
const windows =
  how === 'windows'
    ? JSON.parse(readFileSync(rest[0], 'utf8')).map(([x, y, width, height]) => ({ x, y, width, height }))
    : null;
const threads = how === 'windows' ? rest[1] : rest[0];

const used = process.cpuUsage();
const start = performance.now();
const source = await openByteSource(file);
const tiff = await openGeoTiff(source, threads === undefined ? {} : { decodeThreads: Number(threads) });
const bands = [...Array(tiff.info.bands).keys()];
const whole = { x: 0, y: 0, width: tiff.info.width, height: tiff.info.height };
let pixels = null;
for (const window of windows ?? [whole]) {
  pixels = await tiff.readBands(window, bands);
}
const wallS = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(used);
await tiff.close();
const answer = {
  wallS,
  cpuS: (user + system) / 1e6,
  rssMB: process.resourceUsage().maxRSS / 1024,
};
const sha256 =
  how === 'hash'
    ? createHash('sha256')
        .update(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength))
        .digest('hex')
    : undefined;
process.stdout.write(`${JSON.stringify({ ...answer, ...(sha256 && { sha256 }) })}\n`);
