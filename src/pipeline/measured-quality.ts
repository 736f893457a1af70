import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { FormatError } from '../core/errors.ts';
import { INTEGER_FOLDER, type ModelManifest } from '../model/manifest.ts';
import { modelChecksum } from '../model/read-manifest.ts';
import { BLENDS } from '../stitch/ramp.ts';
import { AUGMENTATIONS } from './ask-network.ts';
import { QUALITIES, type WindowChoice } from './choose-quality.ts';

/** File in a model's folder with what approximations cost that model; `test/bench/quality.ts --write` makes it. */
export const QUALITY_FILE = 'quality.json';

const share = z.number().min(0).max(1);

const measuredModeSchema = z.strictObject({
  quality: z.enum(QUALITIES),
  weights: z.enum(['float32', 'int8']),
  stride: z.number().int().positive(),
  blend: z.enum(BLENDS),
  shareContext: z.number().int().positive(),
  tta: z.enum(AUGMENTATIONS),
  windows: z.number().int().positive().describe('that went through the network, on all scenes together'),
  agreement: share.describe(
    'share of the pixels that have the class of the exact map of the float32 weights',
  ),
  overallAccuracy: share,
  meanIou: share,
  seamExcess: z.number().min(0).nullable().describe('see SeamReport'),
  lessWork: z
    .number()
    .positive()
    .describe(
      'times that the published loop has the network do as much: runs of each graph, at the time a float32 run of it takes; a run in integers counts for the part of that time that it takes',
    ),
});

export const measuredQualitySchema = z.strictObject({
  format: z.literal('frustum-quality'),
  version: z.literal(2),
  model: z.string().describe('checksum of the float32 model that was measured'),
  int8: z.string().optional().describe('checksum of the model in integers that was measured, if one was'),
  scenes: z.array(z.string()).min(1),
  pixels: z.number().int().positive().describe('with a truth'),
  modes: z.array(measuredModeSchema).min(1),
});

export type MeasuredQuality = z.infer<typeof measuredQualitySchema>;

/** What a run's choices were measured to cost, as `run.json` tells it. */
export interface MeasuredCost {
  readonly scenes: readonly string[];
  /** Share of pixels that have the class of the exact map of the float32 weights. */
  readonly agreement: number;
  readonly overallAccuracy: number;
  readonly meanIou: number;
  /** Less those of that map; negative where something was lost. */
  readonly overallAccuracyChange: number;
  readonly meanIouChange: number;
  readonly lessWork: number;
}

/**
 * What a model's folder says that approximations cost it; `null` if it doesn't say.
 * @throws FormatError if the file is there and none
 */
export async function readMeasuredQuality(dir: string): Promise<MeasuredQuality | null> {
  const path = join(dir, QUALITY_FILE);
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : parse(path, text);
}

/**
 * What a run's choices were measured to cost; `null` if the model's folder doesn't say, or says it of other weights or
 * choices. For integers that lie in the folder of the model that they were made of, that folder says it.
 * @param dir folder of the model that runs
 * @throws FormatError if the file is there and none
 */
export async function readMeasuredCost(
  dir: string,
  manifest: ModelManifest,
  choice: Omit<WindowChoice, 'quality'>,
): Promise<MeasuredCost | null> {
  const integers = manifest.dtype === 'int8';
  const path = resolve(dir);
  const measured = await readMeasuredQuality(
    integers && basename(path) === INTEGER_FOLDER ? dirname(path) : dir,
  );
  if (measured === null) return null;
  const { scenes, modes } = measured;
  const exact = modes.find(
    ({ quality, weights, tta }) => quality === 'exact' && weights === 'float32' && tta === 'none',
  );
  const keys = ['stride', 'blend', 'shareContext', 'tta'] as const;
  const found = modes.find(
    (mode) => (mode.weights === 'int8') === integers && keys.every((key) => mode[key] === choice[key]),
  );
  const checksum = integers ? measured.int8 : measured.model;
  if (checksum !== modelChecksum(manifest) || found === undefined || exact === undefined) return null;
  const { agreement, overallAccuracy, meanIou, lessWork } = found;
  return {
    scenes,
    agreement,
    overallAccuracy,
    meanIou,
    overallAccuracyChange: rounded(overallAccuracy - exact.overallAccuracy),
    meanIouChange: rounded(meanIou - exact.meanIou),
    lessWork,
  };
}

function parse(path: string, text: string): MeasuredQuality {
  try {
    return measuredQualitySchema.parse(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll('\n', ' ') : 'not JSON';
    throw new FormatError(
      `${path}: not what the approximations of a model cost: ${why}; measure them again, or take the file away`,
      { url: path, what: 'measured quality', cause },
    );
  }
}

/** Differences of figures with five decimals have no more. */
function rounded(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}
