import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { GOLDEN } from './golden.ts';
import { dict, orderedDict, pickle, tensor, text } from './pickle-assembler.ts';
import { record, writeZip, type ZipRecord } from './write-zip.ts';

/** Name, shape and type of each tensor that a published state dict lists. */
export async function publishedShapes(
  file: string,
): Promise<{ key: string; shape: number[]; type: string }[]> {
  const lines = (await readFile(path.join(GOLDEN, file), 'utf8')).trim().split('\n');
  return lines
    .filter((line) => !line.startsWith('#'))
    .map((line) => {
      const [key, shape, type] = line.split('\t');
      return { key: key!, shape: JSON.parse(shape!) as number[], type: type! };
    });
}

/**
 * Writes a checkpoint of these shapes, one tensor in memory at a time. Weights are seeded noise scaled as an initialised
 * network's, norms are near identity, index tables are the standard ones.
 */
export async function writeGeneratedCheckpoint(
  file: string,
  shapes: readonly { key: string; shape: readonly number[]; type: string }[],
  seed: number,
): Promise<void> {
  const records = shapes.map(({ key, shape, type }, i): ZipRecord => {
    const count = shape.reduce((product, n) => product * n, 1);
    const make = () =>
      type === 'int64' ? integers(key, shape, count) : weights(key, shape, count, seed + i);
    return {
      name: `archive/data/${i}`,
      sizeBytes: count * (type === 'int64' ? 8 : 4),
      load: () => Buffer.from(make().buffer),
    };
  });
  const entries = shapes.map(({ key, shape, type }, i) => {
    const storageElements = shape.reduce((product, n) => product * n, 1);
    const storageClass = type === 'int64' ? 'LongStorage' : 'FloatStorage';
    return [text(key), tensor({ storage: String(i), storageElements, shape, storageClass })] as const;
  });
  const top = pickle(dict([text('meta'), dict()], [text('state_dict'), orderedDict(...entries)]));
  await writeZip(file, [
    record('archive/data.pkl', top),
    ...records,
    record('archive/version', Buffer.from('3\n')),
  ]);
}

function integers(key: string, shape: readonly number[], count: number): BigInt64Array {
  const out = new BigInt64Array(count);
  if (!key.endsWith('relative_position_index')) return out.fill(320000n);
  const tokens = shape[0]!;
  const side = Math.sqrt(tokens);
  for (let i = 0; i < tokens; i++) {
    for (let j = 0; j < tokens; j++) {
      const dy = Math.floor(i / side) - Math.floor(j / side) + side - 1;
      const dx = (i % side) - (j % side) + side - 1;
      out[i * tokens + j] = BigInt(dy * (2 * side - 1) + dx);
    }
  }
  return out;
}

function weights(key: string, shape: readonly number[], count: number, seed: number): Float32Array {
  const inputs = Math.max(1, count / shape[0]!);
  const norm = shape.length === 1;
  const positive = norm && (key.endsWith('.weight') || key.endsWith('running_var'));
  const scale = norm ? 0.05 : Math.sqrt(3 / inputs);
  const out = new Float32Array(count);
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let i = 0; i < count; i++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = ((state >>> 0) / 2 ** 31 - 1) * scale + (positive ? 1 : 0);
  }
  return out;
}
