import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { ConfigError } from '../core/errors.ts';
import type { Provider } from '../model/protocol.ts';
import { AUGMENTATIONS, type Augmentation } from '../pipeline/ask-network.ts';
import { QUALITIES, type Quality, type WindowOptions } from '../pipeline/choose-quality.ts';
import { type ModelChoice, WEIGHTS, type Weights } from '../pipeline/choose-weights.ts';
import { type Pipeline, readPipeline } from '../pipeline/config.ts';
import type { PolygonOptions } from '../pipeline/polygon-options.ts';
import type { SegmentOptions } from '../pipeline/segment-options.ts';
import type { BandChoice } from '../scene/select-bands.ts';
import { VECTOR_FORMATS } from '../sink/vector-formats.ts';
import { BLENDS, type Blend } from '../stitch/ramp.ts';
import { type AreaFlags, chooseArea, parseBox } from './area.ts';
import { addPlaceOptions, type PlaceFlags, placeOf } from './place.ts';
import { addPolygonFlags, type PolygonFlags, readPolygonFlags } from './polygon-flags.ts';
import type { Reporter } from './reporter.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { parseStretch, STRETCH_HELP } from './stretch.ts';
import { BANDS_HELP, parseBands, parseGpus, parsePositive } from './verb.ts';

/** What to map with, and how: flags of the verbs that map scenes or plan to. */
export interface MappingFlags extends PolygonFlags, AreaFlags, SourceFlags, PlaceFlags {
  model?: string;
  pipeline?: string;
  bands?: BandChoice;
  stretch?: NonNullable<SegmentOptions['stretch']>;
  stride?: number;
  quality?: Quality;
  weights?: Weights;
  blend?: Blend;
  shareContext?: number;
  tta?: Augmentation;
  mode?: 'reference' | 'centred';
  sampling?: 'exact' | 'pyramid';
  vector?: false | string[];
  preview: boolean;
  report: boolean;
  datetime?: string;
  provider: Provider;
  threads?: number;
  workers?: number;
  gpus?: readonly number[];
  batch?: number;
}

/** Adds {@link MappingFlags} to a verb. */
export function addMappingFlags(command: Command): Command {
  command
    .option('--model <dir>', 'model folder that frustum convert wrote')
    .option('--pipeline <file>', 'settings as JSON (pipelines/*.json); options given here go before them')
    .option('--bands <r,g,b>', `${BANDS_HELP} (default: 1,2,3)`, parseBands)
    .option(
      '--stretch <how>',
      `${STRETCH_HELP} (default: 8-bit as it is, else percentile:2,98)`,
      parseStretch,
    )
    .option('--aoi <file>', 'map only the pixels whose centres lie in the polygons of this GeoJSON')
    .option('--bbox <w,s,e,n>', 'map only this box of longitudes and latitudes (WGS 84)', parseBox)
    .option('--bbox-px <x0,y0,x1,y1>', 'map only these columns and rows, ends exclusive', parseBox)
    .addOption(
      new Option(
        '--quality <preset>',
        'give up some exactness for time: picks --stride, --blend and --share-context; fast takes integers too (--weights) (default: exact)',
      ).choices(QUALITIES),
    )
    .addOption(
      new Option(
        '--weights <which>',
        "float32, or the integers in the model's int8/ folder, as frustum quantize writes it (default: auto, integers with --quality fast on processors where they are there)",
      ).choices(WEIGHTS),
    )
    .option(
      '--stride <pixels>',
      'pixels between neighbouring windows (default: half a window)',
      parsePositive,
    )
    .addOption(
      new Option(
        '--blend <how>',
        'weights of overlapping windows: all pixels alike, or tapered towards their edges (default: uniform)',
      ).choices(BLENDS),
    )
    .option(
      '--share-context <n>',
      'n x n neighbouring windows share their context windows, whose encoders then run less often (default: 1)',
      parsePositive,
    )
    .addOption(
      new Option(
        '--tta <how>',
        'd4: the mean of the scores over eight orientations of each window, at eight times the cost (default: none)',
      ).choices(AUGMENTATIONS),
    )
    .addOption(
      new Option(
        '--mode <geometry>',
        'where context windows lie (default: as the model was trained)',
      ).choices(['reference', 'centred']),
    )
    .addOption(
      new Option(
        '--sampling <from>',
        'context from full resolution, or from an altitude pyramid (default: exact)',
      ).choices(['exact', 'pyramid']),
    )
    .addOption(
      new Option(
        '--vector <format>',
        `polygons as ${VECTOR_FORMATS.join(', ')}, or a file name that ends so; may be repeated (default: geojson)`,
      ).argParser((value: string, earlier?: false | string[]) => [...(earlier || []), ...value.split(',')]),
    )
    .option('--no-vector', 'no polygons');
  addPolygonFlags(command)
    .option('--no-preview', 'no preview.png')
    .option('--no-report', 'no report.html')
    .option(
      '--datetime <when>',
      'when the scene was taken, for stac-item.json: an instant, a date, or START/END (default: as the file says)',
    )
    .addOption(
      new Option('--provider <name>', 'where the network runs')
        .choices(['cpu', 'cuda', 'webgpu'])
        .default('cpu'),
    )
    .option(
      '--threads <n>',
      'threads of the network, for each of its workers (default: all processors)',
      parsePositive,
    )
    .option(
      '--workers <n>',
      'processes that share the windows (default: one a GPU with --provider cuda, else one)',
      parsePositive,
    )
    .option('--gpus <list>', 'with --provider cuda: which GPUs, e.g. 0,2 (default: all visible)', parseGpus)
    .option(
      '--batch <n>',
      'windows that go through the network at once; another number rounds otherwise (default: 1, or what GPUs hold)',
      parsePositive,
    );
  addPlaceOptions(command);
  return addSourceOptions(command);
}

/**
 * The options of a run that the flags and the pipeline's file say; a flag goes before the pipeline's setting, and the
 * pipeline's model is relative to its file.
 * @throws SourceError, ConfigError
 */
export async function readMappingOptions(
  flags: MappingFlags,
): Promise<Omit<SegmentOptions, 'scene' | 'outDir'>> {
  const pipeline = flags.pipeline === undefined ? null : await readPipeline(flags.pipeline);
  const polygons = { ...pipeline?.polygons, ...(await readPolygonFlags(flags)) };
  return { ...resolveOptions(flags, pipeline), polygons: polygons as PolygonOptions };
}

function resolveOptions(
  flags: MappingFlags,
  pipeline: Pipeline | null,
): Omit<SegmentOptions, 'scene' | 'outDir'> {
  const fromPipeline =
    pipeline?.model === undefined ? undefined : resolve(dirname(flags.pipeline ?? ''), pipeline.model);
  const model = flags.model ?? fromPipeline;
  if (model === undefined) {
    throw new ConfigError('no model: give --model DIR, or --pipeline FILE with a model in it', {
      pointer: '--model',
    });
  }
  const merged = {
    bands: flags.bands ?? pipeline?.bands,
    stretch: flags.stretch ?? pipeline?.stretch,
    ...windowsOf(flags, pipeline),
    weights: flags.weights ?? pipeline?.weights,
    mode: flags.mode ?? pipeline?.mode,
    sampling: flags.sampling ?? pipeline?.sampling,
    vector: (flags.vector === false ? [] : flags.vector?.map((name) => name.trim())) ?? pipeline?.vector,
    preview: flags.preview === false ? false : pipeline?.preview,
    report: flags.report === false ? false : pipeline?.report,
    datetime: flags.datetime,
    threads: flags.threads,
    workers: flags.workers,
    gpus: flags.gpus,
    batch: flags.batch,
  };
  const given = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
  const area = chooseArea(flags, pipeline, flags.pipeline ?? '');
  return {
    model,
    provider: flags.provider,
    ...given,
    ...area,
    ...placeOf(flags),
    ...sourceOptionsOf(flags),
  };
}

/** Says which weights run, where that was not plain. */
export function tellModel({ info }: Reporter, { dir, manifest, reason }: ModelChoice): void {
  if (reason !== null) info('weights', { weights: manifest.dtype, model: dir, reason });
}

/**
 * What flags and pipeline say about windows. A preset that is asked for on the command line goes before the choices of the
 * pipeline that it would make itself; `exact` makes none.
 */
function windowsOf(
  flags: MappingFlags,
  pipeline: Pipeline | null,
): { [K in keyof WindowOptions]: WindowOptions[K] | undefined } {
  const settled = flags.quality === undefined || flags.quality === 'exact' ? pipeline : null;
  return {
    quality: flags.quality ?? pipeline?.quality,
    stride: flags.stride ?? settled?.stride,
    blend: flags.blend ?? settled?.blend,
    shareContext: flags.shareContext ?? settled?.shareContext,
    tta: flags.tta ?? pipeline?.tta,
  };
}
