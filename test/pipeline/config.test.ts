import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { pipelineSchema, readPipeline } from '../../src/pipeline/config.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-config-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('pipelines', () => {
  it('pipelines/schema.json is the schema that the program checks with', async () => {
    const schema = `${JSON.stringify(z.toJSONSchema(pipelineSchema), null, 2)}\n`;
    await expect(schema).toMatchFileSnapshot('../../pipelines/schema.json');
  });

  it('every shipped pipeline fits the schema', async () => {
    const files = (await readdir('pipelines')).filter((f) => f.endsWith('.json') && f !== 'schema.json');
    expect(files.sort()).toEqual(['demo.json', 'fbps.json', 'gid.json']);
    for (const file of files) {
      const pipeline = await readPipeline(join('pipelines', file));
      expect(pipeline.name).toBe(file.replace('.json', ''));
    }
  });

  it('the Gaofen-2 pipelines know the band order of 8-bit, 16-bit and RGB files', async () => {
    for (const file of ['gid', 'fbps']) {
      const { bands } = JSON.parse(await readFile(`pipelines/${file}.json`, 'utf8'));
      expect(bands).toEqual([
        { bits: 8, bandCount: 4, bands: [2, 3, 4] },
        { bits: 16, bandCount: 4, bands: [3, 2, 1] },
        { bits: 8, bandCount: 3, bands: [1, 2, 3] },
      ]);
    }
  });

  it.each([
    ['{"name":"x","stride":0}', '/stride'],
    ['{"name":"x","strid":4}', '/'],
    ['{"name":"x","stretch":{"fixed":[1]}}', '/stretch'],
    ['{', ''],
  ])('refuses %s and points at what is wrong', async (text, pointer) => {
    const path = join(dir, 'p.json');
    await writeFile(path, text);
    await expect(readPipeline(path)).rejects.toMatchObject({ tag: 'ConfigError', pointer });
  });

  it('names a pipeline file that is not there', async () => {
    await expect(readPipeline(join(dir, 'none.json'))).rejects.toMatchObject({
      tag: 'SourceError',
      status: 'ENOENT',
    });
  });
});
