import { createFaceTracer } from '../../src/vectorize/trace-faces.ts';
import { noiseRows } from './class-noise.ts';

/**
 * Traces generated rows, that no file and no memory holds, in a process of its own: `WIDTH HEIGHT [KINDS]`. Prints what it
 * counted, took and held as JSON:
 *
 *     npx tsx test/bench/polygonize-tall.ts 50000 50000
 */
const [width, height, kinds = 6] = process.argv.slice(2).map(Number);
const spec = { name: 'tall', width: width!, height: height!, kinds, cell: 50, speckle: 0 };
let polygons = 0;
let pixels = 0;
const tracer = createFaceTracer(spec.width, (face) => {
  polygons++;
  pixels += face.pixelCount;
});
let traceMs = 0;
for (const row of noiseRows(spec)) {
  const started = performance.now();
  tracer.pushRows(row, null, 1);
  traceMs += performance.now() - started;
}
tracer.finish();
const rssMB = process.resourceUsage().maxRSS / 1024;
process.stdout.write(JSON.stringify({ polygons, pixels, traceS: traceMs / 1000, rssMB }));
