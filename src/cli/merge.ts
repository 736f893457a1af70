import type { Command } from 'commander';
import type { MergedScene } from '../job/merge-job.ts';
import { tellMetrics } from './job-metrics.ts';
import { addPlanFlags, type PlanFlags, readPlanOf } from './plan-file.ts';
import type { Progress, Reporter } from './reporter.ts';
import { sourceOptionsOf } from './source-options.ts';
import { examples, parseMemory, type VerbContext } from './verb.ts';

interface MergeFlags extends PlanFlags {
  partial?: true;
  scene?: string[];
  memory?: number;
}

export function addMerge(program: Command, { reporter, signal, print }: VerbContext): void {
  addPlanFlags(
    program
      .command('merge')
      .description(
        'make the outputs of every scene whose shards are all done; names the shards that are missing',
      ),
  )
    .option(
      '--partial',
      'also scenes of which shards are missing: those rows are nodata, the result is marked',
    )
    .option('--scene <id...>', 'these scenes only')
    .option(
      '--memory <MiB>',
      'what it may take, or with a unit, e.g. 2G (default: what the control group allows)',
      parseMemory,
    )
    .addHelpText(
      'after',
      examples('merge --plan out/plan.json', 'merge --plan out/plan.json --partial --scene GF2-1f2e3d4c'),
    )
    .action(async (flags: MergeFlags) => {
      const { incompleteError, mergeJob } = await import('../job/merge-job.ts');
      const plan = await readPlanOf(flags, signal);
      const merged = await mergeJob(
        {
          plan,
          ...sourceOptionsOf(flags),
          ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
          ...(flags.partial && { partial: true }),
          ...(flags.scene && { scenes: flags.scene }),
        },
        { signal, ...mergeProgress(reporter) },
      );
      for (const scene of merged) tellScene(reporter, scene);
      const count = (outcome: string) => merged.filter((scene) => scene.outcome === outcome).length;
      tellMetrics(
        print,
        { ScenesDone: count('done'), ScenesPartial: count('partial'), ScenesFailed: count('incomplete') },
        { plan: plan.id },
      );
      const missing = incompleteError(merged);
      if (missing !== null) throw missing;
    });
}

/** Hooks that show how far a merge is. */
export function mergeProgress(reporter: Reporter) {
  let progress: Progress | null = null;
  return {
    onWarning: (message: string) => reporter.warn(message),
    onScene: (id: string, rows: number) => {
      progress = reporter.startProgress(`merging ${id}`, rows, 'rows');
    },
    onRows: (done: number, total: number) => {
      progress?.update(done);
      if (done < total) return;
      progress?.stop();
      progress = null;
    },
  };
}

/** Says what became of a scene. */
export function tellScene(reporter: Reporter, { id, outcome, report, missing }: MergedScene): void {
  reporter.info(outcome, {
    scene: id,
    ...(report?.alreadyDone && { alreadyDone: true }),
    ...(missing.length > 0 && { missingShards: missing.map(({ index }) => index) }),
  });
}
