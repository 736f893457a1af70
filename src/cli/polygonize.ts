import type { Command } from 'commander';
import { readClasses } from '../pipeline/read-classes.ts';
import { summarizeClasses } from '../pipeline/summarize-classes.ts';
import { VECTOR_FORMATS } from '../sink/vector-formats.ts';
import { formatClassTable } from './class-table.ts';
import { addPlaceOptions, type PlaceFlags, placeOf } from './place.ts';
import { addPolygonFlags, type PolygonFlags, readPolygonFlags } from './polygon-flags.ts';
import type { Progress } from './reporter.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { examples, parseMemory, type VerbContext } from './verb.ts';

interface PolygonizeFlags extends PolygonFlags, SourceFlags, PlaceFlags {
  out: string[];
  classes?: string;
  sieved?: string;
  styles?: true;
  memory?: number;
}

export function addPolygonize(program: Command, { reporter, signal, print }: VerbContext): void {
  const command = program
    .command('polygonize')
    .description('any class raster to gap-free polygons: shared borders are equal point for point')
    .argument('<raster>', 'single-band uint8 GeoTIFF')
    .requiredOption(
      '--out <file...>',
      `files to write: ${VECTOR_FORMATS.map((format) => `.${format}`).join(', ')}`,
    )
    .option(
      '--classes <file>',
      "JSON with class names and colours, e.g. a model's manifest.json (default: the raster's own)",
    )
    .option('--sieved <file>', 'also write the class raster as merged by --mmu, a COG')
    .option('--styles', 'also write a .qml (QGIS takes it by itself) and an .sld beside each file');
  addPolygonFlags(command)
    .option(
      '--memory <MiB>',
      'what it may take, or with a unit, e.g. 2G: borders that are kept (--graph-memory) get what is left, and what cannot fit is refused (default: what the control group allows)',
      parseMemory,
    )
    .addHelpText(
      'after',
      examples(
        'polygonize landcover.tif --out landcover.geojson',
        'polygonize labels.tif --out a.fgb b.gpkg c.parquet --classes models/mine/manifest.json',
        'polygonize landcover.tif --out map.gpkg --mmu 5000 --simplify vw:15 --smooth 2 --sieved map.tif',
        'polygonize landcover.tif --out map.fgb --simplify dp:10 --vector-crs scene',
        'polygonize landcover.tif --out map.pmtiles --mmu 5000',
        'polygonize country.tif --out country.fgb --simplify vw:15 --memory 4G',
      ),
    )
    .action(async (raster: string, flags: PolygonizeFlags) => {
      const { polygonize } = await import('../pipeline/polygonize.ts');
      let progress: Progress | null = null;
      const report = await polygonize({
        raster,
        outputs: flags.out,
        ...(flags.classes !== undefined && { classes: await readClasses(flags.classes) }),
        ...placeOf(flags),
        ...sourceOptionsOf(flags),
        polygons: await readPolygonFlags(flags),
        ...(flags.sieved !== undefined && { sieved: flags.sieved }),
        ...(flags.styles && { styles: true }),
        ...(flags.memory !== undefined && { memoryBytes: flags.memory }),
        signal,
        onWarning: (message) => reporter.warn(message),
        onRows: (done, total) => {
          progress ??= reporter.startProgress('tracing', total, 'rows');
          progress.update(done);
        },
      }).finally(() => progress?.stop());
      reporter.info('done', {
        polygons: report.faces,
        validPixels: report.validPixels,
        ...report.generalisation,
        estimatedMemoryBytes: report.memory.estimatedBytes,
        peakMemoryBytes: report.memory.peakBytes,
        out: report.outputs,
      });
      print(formatClassTable(summarizeClasses(report)));
    });
  addPlaceOptions(command);
  addSourceOptions(command);
}
