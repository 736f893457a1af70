import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { ConfigError } from '../core/errors.ts';
import type { Provider } from '../model/protocol.ts';
import { type Pipeline, readPipeline } from '../pipeline/config.ts';
import type { PolygonOptions } from '../pipeline/polygon-options.ts';
import type { SegmentOptions } from '../pipeline/segment-options.ts';
import type { SegmentReport } from '../pipeline/segment-report.ts';
import type { BandChoice } from '../scene/select-bands.ts';
import { VECTOR_FORMATS } from '../sink/vector-formats.ts';
import { type AreaFlags, chooseArea, parseBox } from './area.ts';
import { formatClassTable } from './class-table.ts';
import { addPlaceOptions, type PlaceFlags, placeOf } from './place.ts';
import { addPolygonFlags, type PolygonFlags, readPolygonFlags } from './polygon-flags.ts';
import type { Progress } from './reporter.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { parseStretch, STRETCH_HELP } from './stretch.ts';
import { BANDS_HELP, examples, parseBands, parsePositive, SCENE_HELP, type VerbContext } from './verb.ts';

interface SegmentFlags extends PolygonFlags, AreaFlags, SourceFlags, PlaceFlags {
  model?: string;
  out: string;
  pipeline?: string;
  bands?: BandChoice;
  stretch?: NonNullable<SegmentOptions['stretch']>;
  stride?: number;
  mode?: 'reference' | 'centred';
  sampling?: 'exact' | 'pyramid';
  pyramid?: string;
  vector?: false | string[];
  preview: boolean;
  report: boolean;
  datetime?: string;
  provider: Provider;
  threads?: number;
  overwrite?: true;
}

export function addSegment(program: Command, { reporter, signal, print }: VerbContext): void {
  const command = program
    .command('segment')
    .description(
      'map a scene: land-cover raster, confidence, gap-free polygons, styles, preview, report, STAC Item and run.json',
    )
    .argument('<scene...>', SCENE_HELP)
    .requiredOption('--out <dir>', 'folder for the outputs')
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
    .option(
      '--stride <pixels>',
      'pixels between neighbouring windows (default: half a window)',
      parsePositive,
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
    .option('--pyramid <dir>', 'a pyramid that frustum pyramid wrote (with --sampling pyramid)')
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
    .option('--threads <n>', 'threads of the network (default: all processors)', parsePositive)
    .option('--overwrite', 'run even if the same run is there already')
    .addHelpText(
      'after',
      examples(
        'segment scene.tif --model models/sfrnet-mini-dubai --out out/scene',
        'segment scene.tif --model models/mine --out out/scene --vector fgb --vector regions.gpkg',
        'segment scene.tif --model models/mine --out out/scene --vector gpkg --mmu 5000 --simplify vw:15 --vector-crs scene',
        'segment GF2.tif --pipeline pipelines/gid.json --out out/GF2',
        'segment tiles/*.tif --model models/mine --out out/mosaic --bands sentinel2 --stretch stddev:2,gamma=1.2',
        'segment GF2.tif --pipeline pipelines/gid.json --out out/county --aoi county.geojson',
        'segment s3://bucket/scene.tif --s3-region eu-west-1 --model models/mine --out out/scene',
        'segment big.tif --model models/mine --out out/big --mode centred --sampling pyramid --stride 256',
      ),
    )
    .action(async (scene: string[], flags: SegmentFlags) => {
      const { segment } = await import('../pipeline/segment.ts');
      const pipeline = flags.pipeline === undefined ? null : await readPipeline(flags.pipeline);
      const polygons = { ...pipeline?.polygons, ...(await readPolygonFlags(flags)) };
      const options = { ...resolveOptions(scene, flags, pipeline), polygons: polygons as PolygonOptions };
      let progress: Progress | null = null;
      const report = await segment(options, {
        signal,
        onWarning: (message) => reporter.warn(message),
        onPlan: (plan) => {
          progress = reporter.startProgress('mapping', plan.count, 'windows');
        },
        onWindow: (done) => progress?.update(done),
      }).finally(() => progress?.stop());
      announce(report, options.outDir);
    });
  addPlaceOptions(command);
  addSourceOptions(command);

  function announce(report: SegmentReport, outDir: string): void {
    if (report.alreadyDone) {
      reporter.info(
        'already done with these inputs and settings; nothing changed (--overwrite runs it again)',
        {
          out: outDir,
        },
      );
    } else {
      const { windowsSkipped } = report.counts;
      reporter.info('done', {
        seconds: report.seconds.total,
        windows: report.counts.windowsRun,
        ...(report.area !== null && { skipped: windowsSkipped }),
        polygons: report.counts.polygons,
        out: outDir,
      });
    }
    print(formatClassTable(report.classes));
  }
}

/** Options go before the pipeline's settings; the pipeline's model is relative to its file. */
function resolveOptions(scene: string[], flags: SegmentFlags, pipeline: Pipeline | null): SegmentOptions {
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
    stride: flags.stride ?? pipeline?.stride,
    mode: flags.mode ?? pipeline?.mode,
    sampling: flags.sampling ?? pipeline?.sampling,
    pyramid: flags.pyramid,
    vector: (flags.vector === false ? [] : flags.vector?.map((name) => name.trim())) ?? pipeline?.vector,
    preview: flags.preview === false ? false : pipeline?.preview,
    report: flags.report === false ? false : pipeline?.report,
    datetime: flags.datetime,
    threads: flags.threads,
    overwrite: flags.overwrite,
  };
  const given = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
  const area = chooseArea(flags, pipeline, flags.pipeline ?? '');
  return {
    scene,
    model,
    outDir: flags.out,
    provider: flags.provider,
    ...given,
    ...area,
    ...placeOf(flags),
    ...sourceOptionsOf(flags),
  };
}
