import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import { landCoverClassSchema } from '../model/manifest.ts';
import { fileError } from './checkpoint/file-source.ts';
import { fbps } from './presets/fbps.ts';
import { gid } from './presets/gid.ts';
import { inria } from './presets/inria.ts';

/** Beyond it the graphs' constant index tables and interpolation matrices outgrow the network. */
const MAX_WINDOW = 2048;
const counts = z.array(z.number().int().positive()).min(1).max(16);

const encoderSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('swin'),
    embedDims: z.number().int().positive().optional(),
    depths: counts.optional(),
    heads: counts.optional(),
    window: z.number().int().positive().optional(),
  }),
  z.strictObject({
    kind: z.literal('resnet'),
    stem: counts.optional(),
    channels: counts.optional(),
    depths: counts.optional(),
  }),
]);

/** What the shapes of a checkpoint don't tell. Fields that are left out have the published values. */
export const presetSchema = z.strictObject({
  $schema: z.string().optional(),
  /** Name of the model, unless the conversion is given one. */
  name: z.string().min(1).optional(),
  /** Score channel i belongs to classes[i]; ids are 0..n-1 in order. */
  classes: z
    .array(landCoverClassSchema)
    .min(2)
    .max(255)
    .superRefine((classes, context) => {
      for (const [i, { id }] of classes.entries()) {
        if (id !== i)
          context.addIssue({
            code: 'custom',
            path: [i, 'id'],
            message: `ids must be 0, 1, 2.. in order: expected ${i}, got ${id}`,
          });
      }
    }),
  bands: z.tuple([z.string().min(1), z.string().min(1), z.string().min(1)]).default(['red', 'green', 'blue']),
  /** Per channel, on the 0..255 scale. */
  mean: z.tuple([z.number(), z.number(), z.number()]).default([123.675, 116.28, 103.53]),
  deviation: z
    .tuple([z.number().positive(), z.number().positive(), z.number().positive()])
    .default([58.395, 57.12, 57.375]),
  /** Side of the local window in pixels. */
  window: z.number().int().min(8).max(MAX_WINDOW).default(512),
  /** Local first. All alike for a network that was trained to see its local window only. */
  distances: z
    .tuple([z.number().positive(), z.number().positive(), z.number().positive()])
    .refine(([local, short, long]) => local <= short && short <= long, { message: 'must not decrease' })
    .default([1, 3, 14]),
  geometry: z.enum(['reference', 'centred']).default('reference'),
  padTo: z.number().int().positive().default(512),
  poolScales: z.array(z.number().int().min(1).max(64)).min(1).max(16).default([1, 2, 3, 6]),
  /** What the checkpoint's shapes must say, where it is known; checked, never assumed. */
  architecture: z
    .strictObject({
      main: encoderSchema.optional(),
      short: encoderSchema.optional(),
      long: encoderSchema.optional(),
      headChannels: z.number().int().positive().optional(),
    })
    .optional(),
});

/** A preset with all defaults filled in. */
export type Preset = z.output<typeof presetSchema>;
/** A preset as it is written. */
export type PresetInput = z.input<typeof presetSchema>;

/** The published models. */
export const PRESETS: Readonly<Record<string, PresetInput>> = { gid, fbps, inria };

/**
 * The preset of a published model by its name, or one read from a JSON file.
 * @throws ConfigError with the JSON pointer of what is wrong; SourceError if the file cannot be read
 */
export async function loadPreset(nameOrPath: string): Promise<Preset> {
  const published = Object.hasOwn(PRESETS, nameOrPath) ? PRESETS[nameOrPath] : undefined;
  if (published !== undefined) return parsePreset(published, nameOrPath);
  let text: string;
  try {
    text = await readFile(nameOrPath, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new ConfigError(
        `preset ${nameOrPath} is neither one of ${Object.keys(PRESETS).join(', ')} nor a file`,
        { pointer: '--preset', value: nameOrPath, cause },
      );
    }
    throw fileError('read preset', nameOrPath, cause);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`preset ${nameOrPath} is not JSON: ${(cause as Error).message}`, {
      pointer: '',
      value: nameOrPath,
      cause,
    });
  }
  return parsePreset(json, nameOrPath);
}

function parsePreset(json: unknown, name: string): Preset {
  const result = presetSchema.safeParse(json);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => ({
    pointer: path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    message,
  }));
  const list = issues.map(({ pointer, message }) => `${pointer || '(top)'}: ${message}`).join('\n  ');
  throw new ConfigError(`preset ${name} is wrong:\n  ${list}`, { pointer: issues[0]!.pointer, value: name });
}
