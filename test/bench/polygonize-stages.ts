import { createRingAssembler } from '../../src/vectorize/assemble-rings.ts';
import { joinLines } from '../../src/vectorize/join-lines.ts';
import { exactShapes, type LineShapes } from '../../src/vectorize/line-shapes.ts';
import { mergeRegions } from '../../src/vectorize/merge-regions.ts';
import { orderRings } from '../../src/vectorize/order-rings.ts';
import { sieveFaces } from '../../src/vectorize/sieve.ts';
import { simplifyLines } from '../../src/vectorize/simplify-lines.ts';
import { smoothLines } from '../../src/vectorize/smooth-lines.ts';
import { createGraphTracer } from '../../src/vectorize/trace-graph.ts';
import { type NoiseSpec, noiseRows } from './class-noise.ts';

/**
 * What generalising costs beside tracing, stage by stage, in one process a case:
 *
 *     npx tsx test/bench/polygonize-stages.ts [WIDTH HEIGHT KINDS SPECKLE]
 *
 * Nothing is asserted, for the machine decides. Rows are generated, so that memory is the graph's.
 */
const [width = 7200, height = 6800, kinds = 6, speckle = 0] = process.argv.slice(2).map(Number);
const spec: NoiseSpec = { name: 'stages', width, height, kinds, cell: 50, speckle };
const MMU = 100;
const seconds: Record<string, number> = {};
function timed<T>(name: string, work: () => T): T {
  const started = performance.now();
  const result = work();
  seconds[name] = (seconds[name] ?? 0) + (performance.now() - started) / 1000;
  return result;
}
const print = (line: string) => process.stdout.write(`${line}\n`);

const ground = {
  acrossM: new Float64Array(height + 1).fill(1),
  downM: new Float64Array(height + 1).fill(1),
  pixelM2: new Float64Array(height).fill(1),
  uniform: true,
};
const tracer = createGraphTracer({ width });
for (const row of noiseRows(spec)) timed('trace', () => tracer.pushRows(row, null, 1));
const graph = timed('trace', () => tracer.finish());
const classes = timed('sieve', () => sieveFaces(graph, { minSize: MMU }));
const regions = timed('join', () => mergeRegions(graph, classes));
const lines = timed('join', () => joinLines(graph, regions));

function assemble(shapes: LineShapes): number {
  const assembler = createRingAssembler(lines, shapes, regions.count);
  const ordered = { points: new Int32Array(1024), ends: new Int32Array(16) };
  let points = 0;
  for (let r = 0; r < regions.count; r++) {
    const rings = assembler.assemble(r);
    orderRings(rings, null, ordered);
    points += ordered.ends[rings.count - 1]!;
  }
  return points;
}
const exact = timed('assemble, exact', () => assemble(exactShapes(lines)));
const vw = timed('simplify vw 2 px', () => simplifyLines(lines, ground, { method: 'vw', toleranceM: 2 }));
const dp = timed('simplify dp 1.5 px', () => simplifyLines(lines, ground, { method: 'dp', toleranceM: 1.5 }));
const drawn = timed('assemble, simplified', () => assemble(vw));
const smooth = timed('smooth', () => smoothLines(lines, vw, 2));

print(`${width} x ${height}, ${kinds} classes, ${speckle * 100} % speckle; minimum ${MMU} px`);
print(
  `  faces ${graph.faces.count} -> regions ${regions.count}; arcs ${graph.arcs.count} -> lines ${lines.count}`,
);
print(
  `  ring points ${exact} -> ${drawn}; line points vw ${vw.size}, dp ${dp.size}, smoothed ${smooth.size}`,
);
for (const [name, s] of Object.entries(seconds)) print(`  ${name.padEnd(22)}${s.toFixed(2)} s`);
const { trace, sieve, join } = seconds as Record<'trace' | 'sieve' | 'join', number>;
for (const method of ['vw 2 px', 'dp 1.5 px']) {
  const rest = sieve + join + seconds[`simplify ${method}`]! + seconds['assemble, simplified']!;
  print(`  sieve + join + simplify ${method} + assemble : trace = ${(rest / trace).toFixed(2)}`);
}
print(`  memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB`);
