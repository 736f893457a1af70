import { readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildGraphs } from '../../../src/convert/build-graphs.ts';
import { encodeGraph } from '../../../src/convert/onnx/encode-graph.ts';
import { createGraphBuilder, type Graph } from '../../../src/convert/onnx/graph.ts';
import { openGraphFile } from '../../../src/convert/onnx/read-graph.ts';
import { encodeMessage } from '../../../src/convert/onnx/schema.ts';
import { writeGraph } from '../../../src/convert/onnx/write-graph.ts';
import { seededWeights } from '../support/seeded-weights.ts';
import { SMALL_NETWORK } from '../support/small-network.ts';
import { tempFolder } from '../support/temp-folder.ts';

const OPTIONS = {
  mean: [123.675, 116.28, 103.53],
  deviation: [58.395, 57.12, 57.375],
  scoreStride: 4,
} as const;

async function write(graph: Graph, externalThresholdBytes: number): Promise<string> {
  const file = path.join(await tempFolder(), 'graph.onnx');
  const side = `${file}.data`;
  await writeGraph(graph, {
    path: file,
    externalPath: side,
    externalName: 'graph.onnx.data',
    externalThresholdBytes,
  });
  return file;
}

describe('a graph file', () => {
  const cases = (['long', 'short', 'local'] as const).flatMap((branch) => [
    [branch, 'float32', Number.POSITIVE_INFINITY] as const,
    [branch, 'float16', Number.POSITIVE_INFINITY] as const,
    [branch, 'float32', 0] as const,
  ]);
  test.each(cases)(
    '%s of %s with weights beside it beyond %d bytes reads as it was written',
    async (branch, dtype, threshold) => {
      const graphs = buildGraphs(
        seededWeights(SMALL_NETWORK),
        SMALL_NETWORK,
        { height: 36, width: 28 },
        { ...OPTIONS, dtype, labels: true },
      );
      const written = graphs[branch];
      const file = await openGraphFile(await write(written, threshold));
      try {
        const { initializers, ...rest } = file.graph;
        const { initializers: expected, ...structure } = written;
        // Attributes are stored as 32-bit floats.
        expect(JSON.stringify(rest)).toBe(
          JSON.stringify(structure).replaceAll('{"float":0.00001}', '{"float":0.000009999999747378752}'),
        );
        expect(initializers.map(({ name, type, dims }) => ({ name, type, dims }))).toEqual(
          expected.map(({ name, type, dims }) => ({ name, type, dims })),
        );
        expect(Buffer.compare(await encodeGraph(file.graph), await encodeGraph(written))).toBe(0);
      } finally {
        await file.close();
      }
    },
  );
});

describe('what is no graph of ours', () => {
  const small = () => {
    const g = createGraphBuilder('small', 'float32');
    const x = g.input('x', 'float32', [1, 4]);
    const w = g.weight('w', [4, 4], async () => new Float32Array(16).fill(0.5));
    g.output('y', g.node('MatMul', [x, w]), 'float32', [1, 4]);
    return g.finish();
  };

  test.each([0, 1, 40])('cut after %d bytes', async (length) => {
    const file = await write(small(), Number.POSITIVE_INFINITY);
    await truncate(file, length);
    await expect(openGraphFile(file)).rejects.toMatchObject({
      tag: expect.stringMatching(/FormatError|ModelError/),
    });
  });

  test('cut in its last weight', async () => {
    const file = await write(small(), Number.POSITIVE_INFINITY);
    const { length } = await readFile(file);
    await truncate(file, length - 3);
    await expect(openGraphFile(file)).rejects.toMatchObject({ tag: 'FormatError' });
  });

  test('text', async () => {
    const file = path.join(await tempFolder(), 'page.onnx');
    await writeFile(file, '<!DOCTYPE html><html><body>Not found</body></html>');
    await expect(openGraphFile(file)).rejects.toMatchObject({ tag: 'FormatError' });
  });

  test('another operator set', async () => {
    const file = await write(small(), Number.POSITIVE_INFINITY);
    const bytes = await readFile(file);
    const ours = Buffer.from(encodeMessage('OperatorSetIdProto', { domain: '', version: 17 }));
    const at = bytes.indexOf(ours);
    expect(at).toBeGreaterThan(0);
    bytes[at + ours.length - 1] = 13;
    await writeFile(file, bytes);
    await expect(openGraphFile(file)).rejects.toMatchObject({
      tag: 'ModelError',
      message: expect.stringMatching(/operator set 17.*got ai\.onnx 13/),
    });
  });
});
