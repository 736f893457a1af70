import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, FormatError } from '../core/errors.ts';
import { type OpenSourceOptions, openByteSource } from '../io/open-source.ts';
import { withoutSecrets } from '../io/urls.ts';
import type { SegmentOptions } from '../pipeline/segment-options.ts';
import { SHARD_INDEX_VARIABLES } from './contract.ts';
import { type JobPlan, jobPlanSchema, type PlanScene, type PlanShard } from './plan-schema.ts';
import { splitPlanUrl } from './plan-url.ts';

/** Reads all bytes behind a URL as text. */
export async function readText(url: string, options: OpenSourceOptions = {}): Promise<string> {
  const source = await openByteSource(url, options);
  try {
    const bytes = await source.read(0, source.sizeBytes, options.signal);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  } finally {
    await source.close();
  }
}

/**
 * Reads a plan file.
 * @param where a path, or an `http(s):` or `s3:` URL; a list of shards after it (`PLAN.json#3,7-9`) changes nothing here
 * @throws SourceError; FormatError if it is none, or one of another version; ConfigError if the list is none
 */
export async function readJobPlan(where: string, options: OpenSourceOptions = {}): Promise<JobPlan> {
  const { url } = splitPlanUrl(where);
  const text = await readText(url, options);
  const shown = withoutSecrets(url);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${shown}: not JSON (${(cause as Error).message}); frustum plan writes plans`, {
      url: shown,
      what: 'JSON',
      cause,
    });
  }
  const parsed = jobPlanSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const pointer = `/${issue?.path.join('/') ?? ''}`;
  throw new FormatError(
    `${shown}: no plan of this version of Frustum: ${pointer}: ${issue?.message}; plan again`,
    {
      url: shown,
      what: pointer,
    },
  );
}

const SHIPPED_MODELS = fileURLToPath(new URL('../../models', import.meta.url));

/**
 * A plan with its model where this machine has it: in the folder that the plan names, else among the models that lie beside
 * this code, under the same name. That it is the same model is for the runs to see, which compare checksums.
 */
export async function locateModel(plan: JobPlan): Promise<JobPlan> {
  const { dir } = plan.model;
  const here = join(SHIPPED_MODELS, basename(dir));
  const lies = async (folder: string) =>
    (await stat(join(folder, 'manifest.json')).catch(() => null)) !== null;
  if ((await lies(dir)) || !(await lies(here))) return plan;
  return { ...plan, model: { ...plan.model, dir: here } };
}

/** A shard and the scene it is part of. */
export interface ShardOfPlan {
  readonly scene: PlanScene;
  readonly shard: PlanShard;
}

/** All shards of a plan, by index. */
export function shardsOf(plan: JobPlan): readonly ShardOfPlan[] {
  return plan.scenes.flatMap((scene) => scene.shards.map((shard) => ({ scene, shard })));
}

/**
 * The shard of an index.
 * @throws ConfigError
 */
export function shardOfPlan(plan: JobPlan, index: number): ShardOfPlan {
  const found = shardsOf(plan)[index];
  if (found !== undefined) return found;
  const last = plan.shardCount - 1;
  throw new ConfigError(
    plan.shardCount === 0
      ? `shard ${index}: the plan has no shards, all of it is done`
      : `shard ${index} is not in the plan: its shards are 0 to ${last}`,
    { pointer: '--index', value: index },
  );
}

/**
 * Which shard this process is to do: as told, else as its scheduler says in the environment.
 * @param shards what the plan's URL lists: array children count from 0 and mean the list's entries
 * @throws ConfigError if nobody says, or what is said is no index
 */
export function chooseShardIndex(
  told: number | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  shards: readonly number[] | null = null,
): number {
  if (told !== undefined) return told;
  const name = SHARD_INDEX_VARIABLES.find((variable) => environment[variable] !== undefined);
  // A job of its own, rather than an array's child.
  if (name === undefined && shards?.length === 1) return shards[0]!;
  if (name === undefined) {
    throw new ConfigError(
      `which shard? Give --index N; array jobs say it by ${SHARD_INDEX_VARIABLES.join(', ')}, none of which is set`,
      { pointer: '--index' },
    );
  }
  const text = environment[name]!;
  if (/^\d{1,9}$/.test(text)) {
    const index = shards === null ? Number(text) : shards[Number(text)];
    if (index !== undefined) return index;
    throw new ConfigError(
      `${name} is ${text}, and the plan's URL lists ${shards!.length} shards: expected 0 to ${shards!.length - 1}`,
      { pointer: name, value: text },
    );
  }
  throw new ConfigError(
    `${name} is ${JSON.stringify(text)}: expected a shard's index, a whole number from 0`,
    {
      pointer: name,
      value: text,
    },
  );
}

/** What `segment` would be told for a scene of the plan, save where to write to. */
export function segmentOptionsOf(
  plan: JobPlan,
  scene: PlanScene,
  source: OpenSourceOptions,
): Omit<SegmentOptions, 'outDir'> {
  const { signal: _, ...reading } = source;
  return {
    scene: scene.source,
    model: plan.model.dir,
    ...plan.settings,
    // What the memory of a machine's GPU holds must not decide how its rows are rounded.
    ...(plan.settings.provider !== 'cpu' && { batch: plan.settings.batch ?? 1 }),
    stretch: { recorded: scene.stretch },
    source: reading,
  } as Omit<SegmentOptions, 'outDir'>;
}
