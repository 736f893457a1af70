import { z } from 'zod';

/** `pyramid.json`: what an altitude pyramid holds and of which scene it was made. Written last: without it there is no pyramid. */
export const PYRAMID_MANIFEST = 'pyramid.json';

const affine = z.strictObject({
  a: z.number(),
  b: z.number(),
  c: z.number(),
  d: z.number(),
  e: z.number(),
  f: z.number(),
});

const level = z.strictObject({
  /** Scene pixels a level pixel, along either axis. */
  distance: z.number().int().positive(),
  /** File name beside the manifest. */
  file: z.string().regex(/^[^/\\]+$/),
  width: z.number().int().positive(),
  height: z.number().int().positive(),
  sizeBytes: z.number().int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export const pyramidManifestSchema = z.strictObject({
  format: z.literal('frustum-pyramid'),
  version: z.literal(1),
  scene: z.strictObject({
    width: z.number().int().positive(),
    height: z.number().int().positive(),
    transform: affine.nullable(),
    crs: z.string().nullable(),
  }),
  /** See {@link PyramidSource}. */
  source: z.looseObject({ url: z.string() }),
  /** How a level pixel is made, for the reader. */
  sampling: z.string(),
  levels: z.array(level).min(1),
});

/**
 * The scene's file and how it was read, as plain data (size, time, bands, stretch): all that decides the scene's pixels.
 * `url` is where it was, which may be spelt in many ways; all else must be equal for a pyramid to be used.
 */
export interface PyramidSource {
  readonly url: string;
  /** Of a scene of several files. */
  readonly files?: readonly { readonly url: string }[];
  readonly [property: string]: unknown;
}

/** See {@link pyramidManifestSchema}. */
export type PyramidManifest = z.infer<typeof pyramidManifestSchema>;
/** One level of a {@link PyramidManifest}. */
export type PyramidLevel = PyramidManifest['levels'][number];

/** Name of the level's file. */
export function levelFileName(distance: number): string {
  return `distance-${distance}.tif`;
}
