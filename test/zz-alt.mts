import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { TENSORS } from '../src/model/manifest.ts';
import { readModelManifest } from '../src/model/read-manifest.ts';
const [dir, n] = [process.argv[2]!, Number(process.argv[3])];
const manifest = await readModelManifest(dir, false);
const base = { executionProviders: ['cpu'], intraOpNumThreads: 1, graphOptimizationLevel: 'all' as const, extra: { session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: '0' } } } };
const side = manifest.window;
const view = (s: number) => new ort.Tensor('uint8', Uint8Array.from({ length: side * side * 3 }, (_, i) => ((i * 31) ^ (i >> 7) ^ s) & 255), [1, side, side, 3]);
async function make(more: object) {
  const open = (b: 'long' | 'short' | 'local') => ort.InferenceSession.create(join(dir, manifest.graphs[b].file), { ...base, ...more });
  const [long, short, local] = [await open('long'), await open('short'), await open('local')];
  const far = await long.run({ [TENSORS.pixels]: view(3) });
  return async (s: number) => {
    const a = process.cpuUsage();
    const near = await short.run({ [TENSORS.pixels]: view(s + 1) });
    await local.run({ [TENSORS.pixels]: view(s), [TENSORS.shortKeys]: near[TENSORS.keys]!, [TENSORS.shortValues]: near[TENSORS.values]!, [TENSORS.longKeys]: far[TENSORS.keys]!, [TENSORS.longValues]: far[TENSORS.values]! });
    const { user, system } = process.cpuUsage(a);
    return (user + system) / 1000;
  };
}
const [on, off] = [await make({}), await make({ enableMemPattern: false })];
for (let i = 0; i < 2; i++) { await on(i); await off(i); }
const t = { on: [] as number[], off: [] as number[] };
for (let i = 0; i < n; i++) { if (i % 2) { t.on.push(await on(i)); t.off.push(await off(i)); } else { t.off.push(await off(i)); t.on.push(await on(i)); } }
const q = (a: number[], p: number) => [...a].sort((x, y) => x - y)[Math.floor(p * (a.length - 1))]!;
const ratios = t.off.map((v, i) => v / t.on[i]!);
console.log(dir, n, 'min ratio', (q(t.off, 0) / q(t.on, 0)).toFixed(4), 'median ratio', (q(t.off, .5) / q(t.on, .5)).toFixed(4), 'median of pairs', q(ratios, .5).toFixed(4), 'on median', q(t.on, .5).toFixed(2));
