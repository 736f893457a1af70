import { type Command, Option } from 'commander';
import type { BandChoice } from '../scene/select-bands.ts';
import type { Stretch } from '../scene/stretch.ts';
import { addPlaceOptions, type PlaceFlags, placeOf } from './place.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { parseStretch } from './stretch.ts';
import { examples, parseBands, parsePositive, SCENE_HELP, type VerbContext } from './verb.ts';

interface InfoFlags extends SourceFlags, PlaceFlags {
  json?: true;
  bands?: BandChoice;
  stretch?: Stretch;
  model?: string;
  stride?: number;
  mode?: 'reference' | 'centred';
}

export function addInfo(program: Command, { print, signal }: VerbContext): void {
  const command = program
    .command('info')
    .description('what a scene is, where it lies, and what Frustum would do with it; reads the header only')
    .argument('<scene...>', SCENE_HELP)
    .option('--model <dir>', 'model whose windows are counted (default: SFR-Net as published for GID)')
    .option('--bands <r,g,b>', 'bands as segment would be told', parseBands)
    .option('--stretch <how>', 'stretch as segment would be told', parseStretch)
    .option('--stride <pixels>', 'as segment would be told (default: half a window)', parsePositive)
    .addOption(new Option('--mode <geometry>', 'as segment would be told').choices(['reference', 'centred']))
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      examples(
        'info scene.tif',
        'info scene.tif --json',
        'info scene.tif --model models/sfrnet-mini-dubai --bands 3,2,1',
        'info https://example.org/scene.tif',
        'info s3://bucket/scene.tif --s3-anonymous',
      ),
    )
    .action(async (scene: string[], flags: InfoFlags) => {
      const { inspectScene } = await import('../pipeline/inspect-scene.ts');
      const { formatInspection } = await import('../pipeline/format-inspection.ts');
      const { bands, stretch, model, stride, mode } = flags;
      const inspection = await inspectScene(scene.length === 1 ? scene[0]! : scene, {
        ...(bands && { bands }),
        ...(stretch && { stretch }),
        ...(model !== undefined && { model }),
        ...(stride !== undefined && { stride }),
        ...(mode && { mode }),
        ...placeOf(flags),
        ...sourceOptionsOf(flags),
        signal,
      });
      const columns = Math.min(Math.max(process.stdout.columns ?? 100, 80), 120);
      print(flags.json ? JSON.stringify(inspection, null, 2) : formatInspection(inspection, columns));
    });
  addPlaceOptions(command);
  addSourceOptions(command);
}
