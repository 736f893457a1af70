import type { Command } from 'commander';
import { ConfigError } from '../core/errors.ts';
import type { JobPlan } from '../job/plan-schema.ts';
import type { Submission } from '../job/submission.ts';
import { formatParts } from '../pipeline/format-memory.ts';
import { addEngineFlags, type EngineFlags, slurmOf, submitByFlags } from './engine-flags.ts';
import { tellMetrics } from './job-metrics.ts';
import { addMappingFlags, type MappingFlags, readMappingOptions, tellModel } from './mapping-flags.ts';
import type { Progress } from './reporter.ts';
import { formatDuration } from './reporter.ts';
import { sourceOptionsOf } from './source-options.ts';
import { examples, parseMemory, parsePositive, parseRate, type VerbContext } from './verb.ts';

interface JobFlags extends MappingFlags, Omit<EngineFlags, 'engine' | 'partial'> {
  engine?: Submission['engine'];
  out: string;
  to?: string;
  asset?: string;
  shardMinutes?: number;
  shardsPerScene?: number;
  windowsPerSecond?: number;
  prices?: string;
  memory?: number;
  allowQueries?: true;
}

export function addPlan(program: Command, context: VerbContext): void {
  const { reporter, signal, print } = context;
  const command = program
    .command('plan')
    .description(
      'plan the mapping of many scenes as shards for any number of machines; reads headers, and what a stretch is measured on',
    )
    .argument(
      '<scenes...>',
      'scenes: files, folders, s3: prefixes (with a / at the end), STAC Items or Collections (.json), @FILE with one a line',
    )
    .requiredOption(
      '--out <where>',
      'the plan: a file that ends in .json, or a folder or s3: URL to keep it in (plans/ID.json)',
    )
    .option('--to <where>', 'folder or s3: URL of the outputs (default: where the plan is)');
  addEngineFlags(addMappingFlags(command), false)
    .option('--asset <name>', 'which asset of STAC Items is the scene')
    .option('--shard-minutes <n>', 'minutes of work in a shard (default: 17)', parsePositive)
    .option('--shards-per-scene <n>', 'as many shards a scene, instead', parsePositive)
    .option(
      '--windows-per-second <rate>',
      'what one machine does (default: assumed from the size of the network)',
      parseRate,
    )
    .option('--prices <file>', 'JSON table of prices an hour (default: AWS on demand)')
    .option('--memory <MiB>', 'what a shard may take; scenes that need more are left out', parseMemory)
    .option(
      '--allow-queries',
      'also scenes whose URLs have a query (a signature, a token), user or password: the plan file then holds it',
    )
    .addHelpText(
      'after',
      examples(
        'plan scenes/ --pipeline pipelines/gid.json --out out/plan.json',
        'plan @scenes.txt --model models/mine --out plan.json --to s3://bucket/maps --threads 8',
        'plan s3://archive/2024/ --pipeline pipelines/gid.json --out s3://bucket/maps --shard-minutes 20',
        'plan s3://archive/2024/ --pipeline pipelines/gid.json --out s3://bucket/maps --engine aws-batch',
      ),
    )
    .action(async (names: string[], flags: JobFlags) => {
      const { planJob } = await import('../job/plan-job.ts');
      const { listScenes } = await import('../job/list-scenes.ts');
      const { readPrices } = await import('../job/prices.ts');
      const { writePlan } = await import('../job/write-plan.ts');
      slurmOf(flags);
      const { source } = sourceOptionsOf(flags);
      const reading = { ...source, signal };
      if (flags.shardMinutes !== undefined && flags.shardsPerScene !== undefined) {
        throw new ConfigError('--shard-minutes and --shards-per-scene are given: choose one of them', {
          pointer: '--shards-per-scene',
        });
      }
      const scenes = await listScenes(names, {
        ...reading,
        ...(flags.asset !== undefined && { asset: flags.asset }),
      });
      let progress: Progress | null = reporter.startProgress('planning', scenes.length, 'scenes');
      const plan = await planJob(
        {
          ...(await readMappingOptions(flags)),
          scenes,
          to: flags.to ?? folderOf(flags.out),
          shards: {
            ...(flags.shardMinutes !== undefined && { minutes: flags.shardMinutes }),
            ...(flags.shardsPerScene !== undefined && { perScene: flags.shardsPerScene }),
          },
          ...(flags.windowsPerSecond !== undefined && { windowsPerSecond: flags.windowsPerSecond }),
          ...(flags.prices !== undefined && { prices: await readPrices(flags.prices, reading) }),
          ...(flags.allowQueries && { allowQueries: true }),
          ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
        },
        {
          signal,
          onModel: (choice) => tellModel(reporter, choice),
          onScene: (done) => progress?.update(done),
          onWarning: (message) => reporter.warn(message),
        },
      ).finally(() => {
        progress?.stop();
        progress = null;
      });
      const url = await writePlan(plan, flags.out, source ?? {});
      reporter.info('planned', { plan: url, scenes: plan.scenes.length, shards: plan.shardCount });
      tellMetrics(
        print,
        {
          RunsPlanned: 1,
          ScenesPlanned: plan.scenes.length,
          ShardsPlanned: plan.shardCount,
          // No later step sees these.
          ScenesFailed: plan.refused.length,
        },
        { plan: plan.id },
      );
      print(formatPlan(plan, url));
      const { engine } = flags;
      if (engine === undefined) return;
      if (flags.threads === undefined) {
        reporter.warn(
          `each shard is to have ${plan.settings.threads} threads, as this machine has; if the machines of ${engine} have fewer, give --threads`,
        );
      }
      await submitByFlags({ ...flags, engine }, plan, url, context);
    });
}

/** Where outputs go unless told: beside the plan's file, or into the folder that plans are kept in. */
function folderOf(out: string): string {
  if (!/\.json$/i.test(out)) return out;
  const folder = out.replace(/[^/\\]*$/, '');
  return folder === '' ? '.' : folder;
}

/** A plan on one screen. */
function formatPlan(plan: JobPlan, url: string): string {
  const { scenes, done, refused, shardCount, estimate, basis, settings, model } = plan;
  const { windows, hours, money, memoryBytes, memory, deviceBytes, outputBytes, cpuHours, gpuHours } =
    estimate;
  const hoursOf = (value: number) => formatDuration(value * 3600);
  return [
    `plan      ${url}`,
    `scenes    ${scenes.length} to do, ${done.length} done already, ${refused.length} left out`,
    `shards    ${shardCount}`,
    `model     ${model.name}, weights in ${settings.weights ?? 'float16'}`,
    `windows   ${windows.toLocaleString('en-US')}${settings.tta === 'd4' ? ', each in 8 orientations (--tta d4): 8 times the time' : ''}`,
    `time      ${hoursOf(hours)} of one machine at ${Number(basis.windowsPerSecond.toPrecision(3))} windows/s (${basis.measured ? 'as told' : 'assumed'}): CPU ${hoursOf(cpuHours)}, GPU ${hoursOf(gpuHours)}`,
    `money     ${money.toFixed(2)} ${basis.currency} (${basis.prices})`,
    `memory    ${Math.ceil(memoryBytes / 1024 / 1024)} MiB a shard${memory === undefined ? '' : `; in MiB: ${formatParts(memory)}`}`,
    ...(deviceBytes === undefined
      ? []
      : [`on GPUs   about ${Math.ceil(deviceBytes / 1024 / 1024)} MiB a process, beside that`]),
    `output    about ${Math.ceil(outputBytes / 1024 / 1024)} MiB`,
    ...refused.map(({ source, message }) => `left out  ${source}: ${message}`),
  ].join('\n');
}
