import { closeSync, openSync, readSync } from 'node:fs';
import { coverageSpace } from '../../dist/core/coverage.js';
import { openVectorSink } from '../../dist/sink/vector-formats.js';
import { createCoverageWriter } from '../../dist/vectorize/coverage-writer.js';
import { createFaceTracer } from '../../dist/vectorize/trace-faces.js';

/**
 * One run of Frustum in a process of its own: `RASTER WIDTH HEIGHT [OUTPUT]`, counting only or into a file, in the format of
 * its ending. Prints what it counted and took as JSON.
 *
 * Plain JavaScript over the built library (`npm run build`), as it is installed: a TypeScript loader in the process would
 * count as memory.
 */
const [raster, w, h, output] = process.argv.slice(2);
const [width, height] = [Number(w), Number(h)];
const ROWS = 64;

async function run() {
  const file = openSync(raster, 'r');
  const block = new Uint8Array(ROWS * width);
  let polygons = 0;
  let points = 0;
  try {
    if (output === undefined) {
      const tracer = createFaceTracer(width, (face) => {
        polygons++;
        points += face.ringEnds[face.ringCount - 1] + face.ringCount;
      });
      for (let y = 0; y < height; y += ROWS) {
        const rows = Math.min(ROWS, height - y);
        readSync(file, block, 0, rows * width, null);
        tracer.pushRows(block, null, rows);
      }
      tracer.finish();
      return { polygons, points };
    }
    const grid = { width, height, transform: null, crs: null };
    const classes = Array.from({ length: 25 }, (_, id) => ({ id, name: `class ${id}`, color: '#808080' }));
    const sinks = [await openVectorSink({ path: output, space: coverageSpace(grid), classes })];
    const writer = createCoverageWriter({ grid, classes, sinks, withConfidence: false });
    for (let y = 0; y < height; y += ROWS) {
      const rowCount = Math.min(ROWS, height - y);
      readSync(file, block, 0, rowCount * width, null);
      await writer.writeRows({ y, rowCount, classes: block, confidence: block });
    }
    return { polygons: (await writer.close()).faces, points };
  } finally {
    closeSync(file);
  }
}

// Code is loaded and compiled before the clock starts, as GDAL's is.
if (output !== undefined) await (await openVectorSink({ path: output, space: { kind: 'pixel' } })).abort();
const cpu = process.cpuUsage();
const started = performance.now();
const counts = await run();
const wallS = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpu);
const rssMB = process.resourceUsage().maxRSS / 1024;
process.stdout.write(JSON.stringify({ ...counts, wallS, cpuS: (user + system) / 1e6, rssMB }));
