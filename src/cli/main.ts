import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { EXIT, exitCodeOf, isFrustumError } from '../core/errors.ts';
import { addConvert } from './convert.ts';
import { addDoctor } from './doctor.ts';
import { addEvaluate } from './evaluate.ts';
import { addInfo } from './info.ts';
import { addMerge } from './merge.ts';
import { addPlan } from './plan.ts';
import { addPolygonize } from './polygonize.ts';
import { addPyramid } from './pyramid.ts';
import { addQuantize } from './quantize.ts';
import { createReporter } from './reporter.ts';
import { addRetry, addRun } from './run.ts';
import { addRunShard } from './run-shard.ts';
import { addSegment } from './segment.ts';
import { addStac } from './stac.ts';
import { addStatus } from './status.ts';
import { addSynth } from './synth.ts';
import type { VerbContext } from './verb.ts';

/** The command line as data: parse with it, or print its help. */
export function createProgram(context: VerbContext): Command {
  const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
  const program = new Command('frustum')
    .description('Ultra-wide satellite scenes to land-cover rasters and gap-free polygons, with SFR-Net')
    .version(version)
    .showHelpAfterError('(frustum --help, or frustum VERB --help, shows how)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 permanent failure, 2 wrong usage, 75 stopped or failed for now: try again.',
    );
  for (const add of [
    addSegment,
    addInfo,
    addConvert,
    addQuantize,
    addPyramid,
    addPolygonize,
    addSynth,
    addEvaluate,
    addStac,
    addPlan,
    addRunShard,
    addMerge,
    addStatus,
    addRun,
    addRetry,
    addDoctor,
  ]) {
    add(program, context);
  }
  for (const command of [program, ...program.commands]) command.exitOverride();
  return program;
}

/** Runs the command that the process was started with; sets its exit code. */
export async function main(): Promise<void> {
  ignoreClosedPipes();
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) {
      // A second Ctrl-C means now; a scheduler may well send SIGTERM twice.
      if (signal === 'SIGINT') process.exit(EXIT.tryAgain);
      return;
    }
    stop.abort();
    process.stderr.write(`\nfrustum: ${signal}: stopping; nothing half-written will stay\n`);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const interactive = process.stderr.isTTY === true;
  const context: VerbContext = {
    reporter: createReporter(interactive),
    signal: stop.signal,
    print: (text) => process.stdout.write(`${text}\n`),
  };
  try {
    await createProgram(context).parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
    } else {
      process.exitCode = stop.signal.aborted ? EXIT.tryAgain : exitCodeOf(error);
      report(error, interactive);
    }
  }
}

/** A reader that has seen enough (`frustum info x | head`) is no failure. */
function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
}

/** One message a failure; the stack only where the failure is a defect of ours. */
function report(error: unknown, interactive: boolean): void {
  const known = isFrustumError(error);
  const aborted = error instanceof Error && error.name === 'AbortError';
  const message = error instanceof Error ? error.message : String(error);
  const tag = known ? error.tag : aborted ? 'AbortedError' : 'InternalError';
  if (!interactive) {
    const { stack } = error instanceof Error ? error : {};
    const line = { level: 'fatal', tag, message, ...(known || aborted ? {} : { stack }) };
    process.stderr.write(`${JSON.stringify(line)}\n`);
    return;
  }
  process.stderr.write(`frustum: ${tag}: ${message}\n`);
  if (!known && !aborted && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}
