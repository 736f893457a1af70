import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError, SourceError } from '../core/errors.ts';
import { BAND_PRESETS } from '../scene/band-presets.ts';
import { VECTOR_FORMATS } from '../sink/vector-formats.ts';
import { BLENDS } from '../stitch/ramp.ts';
import { AUGMENTATIONS } from './ask-network.ts';
import { QUALITIES } from './choose-quality.ts';
import { WEIGHTS } from './choose-weights.ts';

/**
 * A pipeline: how scenes of one kind are mapped, as JSON (`pipelines/*.json`, schema in `pipelines/schema.json`).
 * Options of the command line go before the pipeline's, the pipeline's before the defaults.
 */

const band = z.union([z.number().int().positive(), z.string().min(1)]);
const bands = z.tuple([band, band, band]);
const box = z.tuple([z.number(), z.number(), z.number(), z.number()]);

const range = z.tuple([z.number(), z.number()]);
const ranges = z.tuple([range, range, range]);
const percentiles = z.tuple([z.number().min(0).max(100), z.number().min(0).max(100)]);
const gamma = z
  .number()
  .positive()
  .optional()
  .describe('exponent 1 / gamma between the two ends: above 1 brightens; 1 unless told');

/** A stretch as `run.json` records it. */
export const stretchRecordSchema = z.union([
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.enum(['fixed', 'minmax', 'percentile', 'stddev']),
    formula: z.string(),
    ranges,
    gamma,
    percentiles: percentiles.optional(),
    deviations: z.number().positive().optional(),
    sampling: z.string().optional(),
    counts: z.tuple([z.number(), z.number(), z.number()]).optional(),
  }),
]);

/** How samples, as stored (scale and offset are not applied), become 8-bit; measured once over the whole scene. */
export const stretchSchema = z.union([
  z.literal('auto').describe('8-bit pixels as they are; everything else by its 2nd and 98th percentile'),
  z.literal('none').describe('8-bit pixels as they are; refuses others'),
  z.literal('minmax').describe("the scene's own minimum and maximum, a band"),
  z.strictObject({ auto: z.literal(true), gamma }).describe('as auto, with gamma'),
  z.strictObject({ minmax: z.literal(true), gamma }).describe('as minmax, with gamma'),
  z
    .strictObject({ percentile: percentiles, gamma })
    .describe('values at these two percentiles become 0 and 255'),
  z
    .strictObject({ stddev: z.number().positive(), gamma })
    .describe('mean minus and plus so many standard deviations become 0 and 255'),
  z
    .strictObject({ fixed: z.union([range, ranges]), gamma })
    .describe('these two values become 0 and 255; one pair, or one for each of red, green and blue'),
  z
    .strictObject({ recorded: stretchRecordSchema })
    .describe('scene.stretch of an earlier run.json: gives the same bytes as that run saw'),
]);

export const bandFormSchema = z.strictObject({
  bits: z.number().int().positive().describe('bits of a sample'),
  bandCount: z.number().int().positive().describe('bands in the file'),
  bands: bands.describe('red, green and blue in a file of this form'),
});

const weights = z.record(z.string().regex(/^\d+$/), z.number().min(0));

export const polygonsSchema = z.strictObject({
  mmu: z
    .union([
      z.strictObject({ areaM2: z.number().min(0) }),
      z.strictObject({ pixels: z.number().int().min(0) }),
    ])
    .optional()
    .describe('minimum mapping unit: smaller areas are merged into a neighbour'),
  connectedness: z
    .union([z.literal(4), z.literal(8)])
    .optional()
    .describe('8: areas that meet in a corner only are one feature'),
  affinity: z
    .record(z.string().regex(/^\d+$/), weights)
    .optional()
    .describe('by class ids, from and to: what borders count when areas are merged; 1 where not named'),
  simplify: z
    .strictObject({ method: z.enum(['dp', 'vw']), toleranceM: z.number().positive() })
    .optional()
    .describe('Douglas-Peucker or Visvalingam, in metres'),
  smooth: z.number().int().min(0).max(4).optional().describe('round corners, each drawn in 2^n edges'),
  maxGraphBytes: z.number().int().positive().optional().describe('what the borders may take in memory'),
  crs: z.string().optional().describe('EPSG:nnnn or scene, in formats that hold any'),
});

export const pipelineSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().min(1),
  description: z.string().optional(),
  model: z.string().optional().describe('model folder, relative to the pipeline file'),
  bands: z
    .union([
      bands,
      z.array(bandFormSchema).min(1),
      z
        .enum(BAND_PRESETS.map(({ name }) => name))
        .describe('a preset: where files of one kind have their colours'),
    ])
    .optional()
    .describe('red, green and blue: numbers from 1 or names; or one choice a file form; or a preset'),
  stretch: stretchSchema.optional(),
  aoi: z
    .string()
    .min(1)
    .optional()
    .describe(
      'GeoJSON of polygons to map, relative to the pipeline file; at most one of aoi, bbox and bboxPx',
    ),
  bbox: box.optional().describe('west, south, east, north in degrees on WGS 84; west above east crosses 180'),
  bboxPx: box.optional().describe('x0, y0, x1, y1: columns and rows from 0, ends exclusive'),
  stride: z.number().int().positive().optional().describe('pixels between neighbouring windows'),
  quality: z
    .enum(QUALITIES)
    .optional()
    .describe('how much exactness is given up for time; stride, blend and shareContext go before it'),
  weights: z
    .enum(WEIGHTS)
    .optional()
    .describe(
      "which of the model's weights run; auto: its integers (int8/) with quality fast on processors, else float32",
    ),
  blend: z
    .enum(BLENDS)
    .optional()
    .describe('how scores of overlapping windows are weighted: alike, or less towards their edges'),
  shareContext: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('so many neighbouring windows a side share their context windows'),
  tta: z.enum(AUGMENTATIONS).optional().describe('d4: the mean over eight orientations of each window'),
  mode: z.enum(['reference', 'centred']).optional(),
  sampling: z.enum(['exact', 'pyramid']).optional(),
  vector: z
    .array(z.string().min(1))
    .optional()
    .describe(`formats (${VECTOR_FORMATS.join(', ')}) or file names that end so; empty for no polygons`),
  polygons: polygonsSchema.optional(),
  preview: z.boolean().optional(),
  report: z.boolean().optional().describe('whether to write report.html'),
});

/** See {@link pipelineSchema}. */
export type Pipeline = z.infer<typeof pipelineSchema>;

/**
 * Reads a pipeline file.
 * @throws SourceError, ConfigError with the JSON pointer of what is wrong
 */
export async function readPipeline(path: string): Promise<Pipeline> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError(`${path}: the pipeline can't be read (${cause.code})`, {
      url: path,
      status: cause.code ?? null,
      cause,
    });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${path}: not JSON: ${(cause as Error).message}`, { pointer: '', cause });
  }
  const parsed = pipelineSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const pointer = `/${issue?.path.join('/') ?? ''}`;
  throw new ConfigError(`${path}: ${pointer}: ${issue?.message}`, { pointer, value: json });
}
