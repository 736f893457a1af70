import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeModelItem, mlmName } from '../../src/convert/model-item.ts';
import { type ModelManifest, modelManifestSchema } from '../../src/model/manifest.ts';
import { stacErrors } from '../sink/stac/validate.ts';

const SHIPPED = readdirSync('models').filter((name) => name.startsWith('sfrnet-'));
const MODELS = [...SHIPPED, ...SHIPPED.map((name) => `${name}/int8`)];

function read(name: string, file: string) {
  return JSON.parse(readFileSync(join('models', name, file), 'utf8'));
}

function itemOf(manifest: ModelManifest) {
  return describeModelItem(manifest) as { type: string; stac_extensions: string[] } & Record<string, never>;
}

describe('the STAC Item of a model', () => {
  it.each(MODELS)('%s: is shipped as its manifest tells it, and valid', (name) => {
    const manifest = modelManifestSchema.parse(read(name, 'manifest.json'));
    const item = itemOf(manifest);
    expect(read(name, 'stac-item.json')).toEqual(item);
    expect(stacErrors(item)).toEqual([]);
    expect(item.properties).toMatchObject({
      'mlm:name': name.replace('/', '-'),
      'mlm:total_parameters': manifest.parameters,
      'mlm:hyperparameters': { distances: manifest.distances },
    });
    expect(item.assets).toMatchObject({
      local: { 'file:checksum': `1220${manifest.graphs.local.sha256}`, 'mlm:artifact_type': 'onnx' },
    });
  });

  it('names side files with weights', () => {
    const manifest = modelManifestSchema.parse(read(MODELS[0]!, 'manifest.json'));
    const externalData = { file: 'local.onnx.data', sizeBytes: 5, sha256: 'cd'.repeat(32) };
    const graphs = { ...manifest.graphs, local: { ...manifest.graphs.local, externalData } };
    const item = itemOf({ ...manifest, graphs });
    expect(stacErrors(item)).toEqual([]);
    expect(item.assets).toMatchObject({ 'local-weights': { href: './local.onnx.data', 'file:size': 5 } });
  });

  it('is valid whatever the model and its classes are called', () => {
    const manifest = modelManifestSchema.parse(read(MODELS[0]!, 'manifest.json'));
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (name) => {
        const classes = manifest.classes.map((entry) => ({ ...entry, name }));
        expect(stacErrors(itemOf({ ...manifest, name, classes }))).toEqual([]);
        expect(mlmName(name)).toMatch(/^[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]$/);
      }),
      { numRuns: 200 },
    );
  });
});
