import { type Command, InvalidArgumentError } from 'commander';
import type { BandChoice } from '../scene/select-bands.ts';
import type { Stretch } from '../scene/stretch.ts';
import { addPlaceOptions, type PlaceFlags, placeOf } from './place.ts';
import type { Progress } from './reporter.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { parseStretch, STRETCH_HELP } from './stretch.ts';
import { BANDS_HELP, examples, parseBands, parseNumbers, SCENE_HELP, type VerbContext } from './verb.ts';

interface PyramidFlags extends SourceFlags, PlaceFlags {
  out: string;
  distances: number[];
  bands?: BandChoice;
  stretch?: Stretch;
}

export function addPyramid(program: Command, { reporter, signal }: VerbContext): void {
  const command = program
    .command('pyramid')
    .description(
      'write the altitude pyramid of a scene: one georeferenced level a distance, as the network sees it',
    )
    .argument('<scene...>', SCENE_HELP)
    .requiredOption('--out <dir>', 'folder for the levels and pyramid.json')
    .option('--distances <list>', 'distances, nearest first', parseDistances, [1, 3, 14])
    .option('--bands <r,g,b>', `${BANDS_HELP} (default: 1,2,3)`, parseBands)
    .option('--stretch <how>', STRETCH_HELP, parseStretch)
    .addHelpText(
      'after',
      examples(
        'pyramid scene.tif --out out/pyramid',
        'pyramid scene.tif --out out/pyramid --distances 1,3,6 --bands 2,3,4',
      ),
    )
    .action(async (scene: string[], flags: PyramidFlags) => {
      const { makePyramid } = await import('../pipeline/make-pyramid.ts');
      let progress: Progress | null = null;
      const manifest = await makePyramid({
        scene,
        outDir: flags.out,
        distances: flags.distances,
        ...(flags.bands && { bands: flags.bands }),
        ...(flags.stretch && { stretch: flags.stretch }),
        ...placeOf(flags),
        ...sourceOptionsOf(flags),
        signal,
        onWarning: (message) => reporter.warn(message),
        onRows: (done, total) => {
          progress ??= reporter.startProgress('pyramid', total, 'rows');
          progress.update(done);
        },
      }).finally(() => progress?.stop());
      reporter.info('done', { levels: manifest.levels.map((level) => level.file), out: flags.out });
    });
  addPlaceOptions(command);
  addSourceOptions(command);
}

function parseDistances(text: string): number[] {
  const distances = parseNumbers(text);
  if (!distances.every((d) => Number.isSafeInteger(d) && d >= 1)) {
    throw new InvalidArgumentError('expected whole distances of at least 1, e.g. 1,3,14');
  }
  return distances;
}
