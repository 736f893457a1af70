/**
 * Makes the integers that the shipped models hold in `int8/`: `npx tsx test/bench/quantize-shipped.ts [--models synth,dubai,earth]`.
 *
 * As `frustum quantize` makes them unless told otherwise, on scenes that the models learned from; the imagery of `dubai` and
 * `earth` is in `../shared`. With one thread, so that the number of processors changes no bit. What is there must be removed
 * first; then `test/bench/quality.ts --write` measures the new ones.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { quantizeModel } from '../../src/index.ts';
import { CALIBRATION_SCENES } from '../support/calibration-scenes.ts';
import { VALIDATION_SETS } from '../support/validation-sets.ts';

const { values } = parseArgs({ options: { models: { type: 'string', default: 'synth,dubai,earth' } } });
const dir = await mkdtemp(join(tmpdir(), 'frustum-integers-'));
try {
  for (const name of values.models.split(',') as (keyof typeof CALIBRATION_SCENES)[]) {
    const { quantization } = await quantizeModel({
      model: `models/sfrnet-mini-${name}`,
      scenes: await CALIBRATION_SCENES[name](dir),
      ...VALIDATION_SETS[name].reading,
      threads: 1,
    });
    const { layers, work, agreement } = quantization!;
    process.stdout.write(`${name}: ${layers} layers, ${work} of the work, agreement ${agreement}\n`);
  }
} finally {
  await rm(dir, { recursive: true, force: true });
}
