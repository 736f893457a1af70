import { z } from 'zod';

const prefix = (name: string) =>
  z
    .string()
    .regex(/^([^/]+\/)*$/, `${name} must be empty or end in "/" and not begin with it, e.g. scenes/2026/`);
const count = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const list = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(
    z.array(z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, 'expected instance types such as g6.xlarge')).min(1),
  );
const bucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'expected the name of a bucket');

/**
 * What an operator may say (`-c name=value`); each key is a row of the table in README.md, with its meaning.
 * Values come from a command line, so that numbers arrive as text.
 */
export const settingsSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,40}$/)
    .default('Frustum'),
  inputBucket: bucketName.optional(),
  inputPrefix: prefix('inputPrefix').default('scenes/'),
  inputKeyArn: z.string().startsWith('arn:').optional(),
  outputBucket: bucketName.optional(),
  outputPrefix: prefix('outputPrefix').default('maps/'),
  imageTag: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,100}$/)
    .default('0.1.0'),
  pipeline: z.string().startsWith('/').optional(),
  gpuTypes: list.default(['g6.xlarge', 'g5.xlarge', 'g6.2xlarge', 'g5.2xlarge']),
  cpuTypes: list.default(['m7i.xlarge', 'm7a.xlarge', 'm6i.xlarge']),
  spotVcpus: count(0, 10_000).default(64),
  onDemandVcpus: count(0, 10_000).default(16),
  cpuVcpus: count(4, 10_000).default(16),
  shardVcpus: count(1, 192).default(4),
  shardMemoryMiB: count(1024, 768 * 1024).default(13_312),
  mergeVcpus: count(1, 192).default(4),
  mergeMemoryMiB: count(1024, 768 * 1024).default(13_312),
  shardMinutes: count(10, 1440).default(120),
  mergeMinutes: count(10, 2880).default(720),
  attempts: count(1, 10).default(10),
  diskGiB: count(40, 4096).default(100),
  zones: count(1, 6).default(2),
  endpointZones: count(1, 6).default(1),
  nightly: z
    .string()
    .regex(/^(cron|rate)\(.+\)$/, 'expected a schedule such as cron(15 1 * * ? *)')
    .optional(),
  timeZone: z.string().default('UTC'),
  email: z.email().optional(),
  logDays: z.coerce
    .number()
    .pipe(
      z.union([z.literal(7), z.literal(14), z.literal(30), z.literal(90), z.literal(180), z.literal(365)]),
    )
    .default(30),
  intermediateDays: count(1, 365).default(14),
  oldVersionDays: count(1, 3650).default(30),
});

/** See {@link settingsSchema}. */
export type Settings = z.infer<typeof settingsSchema>;

/**
 * Reads the settings.
 * @param context value of one setting, `undefined` where it is not given
 * @throws Error that names each wrong setting, what it is and what is expected
 */
export function readSettings(context: (name: string) => unknown): Settings {
  const given = Object.fromEntries(
    Object.keys(settingsSchema.shape)
      .map((name) => [name, context(name)])
      // An empty prefix is the whole bucket; any other empty setting is none.
      .filter(([name, value]) => value !== undefined && (value !== '' || /Prefix$/.test(String(name)))),
  );
  const parsed = settingsSchema.safeParse(given);
  if (!parsed.success) throw new Error(`-c settings are wrong:\n${z.prettifyError(parsed.error)}`);
  const settings = parsed.data;
  if (settings.endpointZones > settings.zones) {
    throw new Error(`-c endpointZones=${settings.endpointZones}: there are only zones=${settings.zones}`);
  }
  if (settings.nightly !== undefined && settings.pipeline === undefined) {
    throw new Error('-c nightly needs -c pipeline: a file in the image, e.g. /app/pipelines/gid.json');
  }
  if (settings.spotVcpus + settings.onDemandVcpus < settings.shardVcpus) {
    throw new Error(
      `-c spotVcpus=${settings.spotVcpus} and onDemandVcpus=${settings.onDemandVcpus} leave no room for a shard of shardVcpus=${settings.shardVcpus}`,
    );
  }
  return settings;
}
