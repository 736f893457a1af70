import { z } from 'zod';
import { AUGMENTATIONS } from '../pipeline/ask-network.ts';
import { QUALITIES } from '../pipeline/choose-quality.ts';
import { bandFormSchema, polygonsSchema, stretchRecordSchema } from '../pipeline/config.ts';
import { BLENDS } from '../stitch/ramp.ts';

const count = z.number().int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const band = z.union([z.number().int().positive(), z.string().min(1)]);
const four = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const affine = z.strictObject({
  a: z.number(),
  b: z.number(),
  c: z.number(),
  d: z.number(),
  e: z.number(),
  f: z.number(),
});

/** How every scene of a plan is mapped: the options of `segment`, with what a machine would choose by itself settled. */
export const planSettingsSchema = z.strictObject({
  bands: z.union([z.tuple([band, band, band]), z.array(bandFormSchema).min(1), z.string()]).optional(),
  place: z
    .strictObject({
      crs: z.string().optional(),
      transform: affine.optional(),
      gcpOrder: z.union([z.literal(1), z.literal(2), z.literal(3)]).optional(),
      rpcHeightM: z.number().optional(),
    })
    .optional(),
  aoi: z.string().optional(),
  bbox: four.optional(),
  bboxPx: four.optional(),
  stride: count,
  quality: z.enum(QUALITIES).optional(),
  blend: z.enum(BLENDS).optional(),
  shareContext: z.number().int().positive().optional(),
  tta: z.enum(AUGMENTATIONS).optional(),
  weights: z
    .enum(['float32', 'int8'])
    .optional()
    .describe("which of the model's weights run; those of its folder unless told"),
  mode: z.enum(['reference', 'centred']),
  sampling: z.enum(['exact', 'pyramid']),
  vector: z.array(z.string()),
  polygons: polygonsSchema,
  preview: z.boolean(),
  report: z.boolean(),
  datetime: z.string().optional(),
  provider: z.enum(['cpu', 'cuda', 'webgpu']),
  threads: z
    .number()
    .int()
    .positive()
    .describe('of each of the network workers; another number rounds otherwise'),
  workers: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('processes of the network a shard; one a GPU with CUDA, else one, unless told'),
  batch: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('windows that go through the network at once, 1 unless told; another number rounds otherwise'),
});

/** What a shard's processes hold, by what holds it; see `MemoryEstimate`. */
const memorySchema = z.strictObject({
  totalBytes: count,
  baseBytes: count,
  cacheBytes: count,
  decodeBytes: count,
  viewBytes: count,
  stripBytes: count,
  rasterBytes: count,
  vectorBytes: count,
  networkBytes: count,
  featureBytes: count,
});

/** What a part of a plan is expected to take. */
export const estimateSchema = z.strictObject({
  windows: count.describe('that go through the network; those that reach two shards count for both'),
  hours: z.number().min(0).describe('of one machine'),
  cpuHours: z.number().min(0),
  gpuHours: z.number().min(0),
  money: z.number().min(0).describe("in the price table's currency"),
  memoryBytes: count.describe('largest of the shards: this process and the inference process together'),
  memory: memorySchema.optional().describe('what that is made of'),
  deviceBytes: count
    .optional()
    .describe("memory of its GPU that each of a shard's network processes takes beside that"),
  outputBytes: count.describe('rasters and shards; rough'),
});

export const planShardSchema = z.strictObject({
  index: count.describe("the array job's index: over all scenes, from 0 and without gaps"),
  y0: count,
  y1: count.describe('scene rows y0 to y1, y1 exclusive'),
  windows: count,
});

export const planSceneSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9._-]+$/)
    .describe("name of the scene's output folder"),
  source: z.string().describe('as `segment` takes it; absolute'),
  files: z.array(
    z.strictObject({
      url: z.string(),
      sizeBytes: count,
      modifiedMs: z.number().nullable(),
      version: z.string().nullable(),
    }),
  ),
  width: count,
  height: count,
  crs: z.string().nullable(),
  identity: sha256.describe('of the run, as run.json will have it'),
  stretch: stretchRecordSchema.describe('measured once, when the plan was made'),
  rows: z.strictObject({ y0: count, y1: count }).describe("scene rows of the run's area"),
  shards: z.array(planShardSchema).min(1),
  estimate: estimateSchema,
});

/** The plan file: what is to be done, for any engine. */
export const jobPlanSchema = z.strictObject({
  format: z.literal('frustum-plan'),
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{12}$/),
  frustum: z.string().describe('version that planned, and that must run'),
  to: z.string().describe('folder of the outputs: a path or an s3: URL'),
  model: z.strictObject({ dir: z.string(), name: z.string(), checksum: sha256 }),
  settings: planSettingsSchema,
  scenes: z.array(planSceneSchema),
  done: z
    .array(z.strictObject({ id: z.string(), source: z.string() }))
    .describe('scenes left out: their outputs are there'),
  refused: z
    .array(z.strictObject({ source: z.string(), tag: z.string(), message: z.string() }))
    .describe('scenes left out: they could not be planned'),
  shardCount: count,
  memoryBytes: count.optional().describe('what a shard may take; scenes that need more were refused'),
  estimate: estimateSchema,
  basis: z.strictObject({
    windowsPerSecond: z.number().positive(),
    measured: z.boolean().describe('told by the user; else assumed from the size of the network'),
    hourlyPrice: z.number().min(0),
    currency: z.string(),
    prices: z.string().describe('where the price is from'),
  }),
});

export type JobPlan = z.infer<typeof jobPlanSchema>;
export type PlanScene = z.infer<typeof planSceneSchema>;
export type PlanShard = z.infer<typeof planShardSchema>;
export type PlanSettings = z.infer<typeof planSettingsSchema>;
export type PlanEstimate = z.infer<typeof estimateSchema>;
