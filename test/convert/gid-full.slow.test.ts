import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { publishedShapes, writeGeneratedCheckpoint } from './support/generated-checkpoint.ts';
import { floats, openSession, runWindow } from './support/run-graphs.ts';
import { tempFolder } from './support/temp-folder.ts';

const MEBIBYTE = 2 ** 20;
/** Far below the 1.09 GB of weights; what the converter holds is one tensor at a time and the runtime around it. */
const CONVERTER_LIMIT_BYTES = 600 * MEBIBYTE;

test('the full-size GID network converts in bounded memory and runs a window', async () => {
  const folder = await tempFolder();
  const checkpoint = path.join(folder, 'iter_320000_gid.pth');
  const shapes = await publishedShapes('gid_state_dict.txt');
  await writeGeneratedCheckpoint(checkpoint, shapes, 1);
  expect((await stat(checkpoint)).size).toBeGreaterThan(1.08e9);

  const out = path.join(folder, 'gid');
  const converted = await convertInChild(folder, checkpoint, out);
  expect(converted.parameters).toBe(267_572_602);
  expect(converted.architecture).toMatchObject({
    main: { kind: 'swin', embedDims: 192, depths: [2, 2, 18, 2], heads: [6, 12, 24, 48], window: 12 },
    short: { kind: 'resnet', stem: [32, 32, 64], channels: [64, 128, 256, 512], depths: [2, 2, 2, 2] },
    head: { channels: 512, classes: 6 },
  });
  expect(converted.peakBytes).toBeLessThan(CONVERTER_LIMIT_BYTES);

  const opening = performance.now();
  const sessions = {
    long: await openSession(path.join(out, 'long.onnx')),
    short: await openSession(path.join(out, 'short.onnx')),
    local: await openSession(path.join(out, 'local.onnx')),
  };
  const openedMs = performance.now() - opening;
  const pixels = Uint8Array.from({ length: 512 * 512 * 3 }, (_, i) => (i * 2654435761) >>> 24);
  const times: number[] = [];
  for (let run = 0; run < 2; run++) {
    const start = performance.now();
    const { local } = await runWindow(sessions, [pixels, pixels, pixels], [512, 512]);
    times.push(performance.now() - start);
    expect(local.scores!.dims).toEqual([1, 6, 128, 128]);
    const scores = floats(local.scores);
    expect(scores.every(Number.isFinite)).toBe(true);
    expect(Math.max(...scores) - Math.min(...scores)).toBeGreaterThan(1e-3);
  }
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  process.stdout.write(
    `full-size GID: converted in ${seconds(converted.elapsedMs)}, peak ${Math.round(converted.peakBytes / MEBIBYTE)} MiB; ` +
      `sessions opened in ${seconds(openedMs)}; windows of all three graphs, one thread: ${times.map(seconds).join(', ')}\n`,
  );
});

interface Converted {
  readonly elapsedMs: number;
  readonly peakBytes: number;
  readonly parameters: number;
  readonly architecture: unknown;
}

/** Converts in a process of its own, so that its peak memory is the converter's. */
async function convertInChild(folder: string, checkpointPath: string, outDir: string): Promise<Converted> {
  const script = path.join(folder, 'convert.mts');
  const module = pathToFileURL(path.resolve('src/convert/convert.ts')).href;
  await writeFile(
    script,
    `import { convertCheckpoint } from ${JSON.stringify(module)};
const start = performance.now();
const manifest = await convertCheckpoint(${JSON.stringify({ checkpointPath, outDir, preset: 'gid' })});
process.stdout.write(JSON.stringify({
  elapsedMs: performance.now() - start,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  parameters: manifest.parameters,
  architecture: manifest.architecture,
}));
`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    cwd: path.resolve('.'),
  });
  return JSON.parse(stdout) as Converted;
}
