import type { Command } from 'commander';
import type { SegmentReport } from '../pipeline/segment-report.ts';
import { formatClassTable } from './class-table.ts';
import { addMappingFlags, type MappingFlags, readMappingOptions, tellModel } from './mapping-flags.ts';
import type { Progress } from './reporter.ts';
import { examples, parseMemory, SCENE_HELP, type VerbContext } from './verb.ts';

interface SegmentFlags extends MappingFlags {
  out: string;
  pyramid?: string;
  memory?: number;
  overwrite?: true;
}

export function addSegment(program: Command, { reporter, signal, print }: VerbContext): void {
  const command = program
    .command('segment')
    .description(
      'map a scene: land-cover raster, confidence, gap-free polygons, styles, preview, report, STAC Item and run.json',
    )
    .argument('<scene...>', SCENE_HELP)
    .requiredOption('--out <dir>', 'folder for the outputs');
  addMappingFlags(command)
    .option('--pyramid <dir>', 'a pyramid that frustum pyramid wrote (with --sampling pyramid)')
    .option(
      '--memory <MiB>',
      'what the run may take, the network included, or with a unit, e.g. 6G: caches shrink to fit, and what cannot fit is refused (default: what the control group allows)',
      parseMemory,
    )
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
        'segment big.tif --model models/mine --out out/big --memory 2G',
        'segment big.tif --model models/mine --out out/big --quality fast --weights float32',
        'segment s3://bucket/scene.tif --s3-region eu-west-1 --model models/mine --out out/scene',
        'segment big.tif --model models/mine --out out/big --mode centred --sampling pyramid --stride 256',
      ),
    )
    .action(async (scene: string[], flags: SegmentFlags) => {
      const { segment } = await import('../pipeline/segment.ts');
      const options = {
        ...(await readMappingOptions(flags)),
        scene,
        outDir: flags.out,
        ...(flags.pyramid !== undefined && { pyramid: flags.pyramid }),
        ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
        ...(flags.overwrite && { overwrite: true }),
      };
      let progress: Progress | null = null;
      const report = await segment(options, {
        signal,
        onWarning: (message) => reporter.warn(message),
        onModel: (choice) => tellModel(reporter, choice),
        onPlan: (plan) => {
          progress = reporter.startProgress('mapping', plan.count, 'windows');
        },
        onWindow: (done) => progress?.update(done),
      }).finally(() => progress?.stop());
      announce(report, options.outDir);
    });

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
      const busyShare = report.network?.busyShare;
      reporter.info('done', {
        seconds: report.seconds.total,
        windows: report.counts.windowsRun,
        ...(report.area !== null && { skipped: windowsSkipped }),
        polygons: report.counts.polygons,
        ...(busyShare != null && { networkBusyShare: busyShare }),
        out: outDir,
      });
    }
    print(formatClassTable(report.classes));
  }
}
