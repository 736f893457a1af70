import { type Command, Option } from 'commander';
import type { Progress } from './reporter.ts';
import { examples, parseCount, parseSize, type VerbContext } from './verb.ts';

interface SynthFlags {
  size: { width: number; height: number };
  seed: number;
  out: string;
  bits: '8' | '16';
}

export function addSynth(program: Command, { reporter, signal }: VerbContext): void {
  program
    .command('synth')
    .description(
      'make a synthetic Gaofen-2-like scene with true labels; the same size and seed give the same bytes',
    )
    .requiredOption('--size <WxH>', 'pixels, e.g. 2048x2048', parseSize)
    .requiredOption('--out <dir>', 'folder for scene.tif, truth.tif and synth.json')
    .option('--seed <n>', 'which land', parseCount, 1)
    .addOption(new Option('--bits <n>', 'bits a sample').choices(['8', '16']).default('8'))
    .addHelpText('after', examples('synth --size 2048x2048 --seed 7 --out out/land'))
    .action(async (flags: SynthFlags) => {
      const { synthesize } = await import('../pipeline/synthesize.ts');
      let progress: Progress | null = null;
      const result = await synthesize({
        ...flags.size,
        seed: flags.seed,
        bits: flags.bits === '16' ? 16 : 8,
        outDir: flags.out,
        signal,
        onProgress: ({ rowsDone, rowsTotal }) => {
          progress ??= reporter.startProgress('making land', rowsTotal, 'rows');
          progress.update(rowsDone);
        },
      }).finally(() => progress?.stop());
      reporter.info('done', { scene: result.scenePath, truth: result.truthPath });
    });
}
