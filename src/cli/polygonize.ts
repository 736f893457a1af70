import type { Command } from 'commander';
import { readClasses } from '../pipeline/read-classes.ts';
import { VECTOR_FORMATS } from '../sink/vector-formats.ts';
import type { Progress } from './reporter.ts';
import { examples, type VerbContext } from './verb.ts';

interface PolygonizeFlags {
  out: string[];
  classes?: string;
}

export function addPolygonize(program: Command, { reporter, signal }: VerbContext): void {
  program
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
    .addHelpText(
      'after',
      examples(
        'polygonize landcover.tif --out landcover.geojson',
        'polygonize labels.tif --out a.fgb b.gpkg c.parquet --classes models/mine/manifest.json',
      ),
    )
    .action(async (raster: string, flags: PolygonizeFlags) => {
      const { polygonize } = await import('../pipeline/polygonize.ts');
      let progress: Progress | null = null;
      const report = await polygonize({
        raster,
        outputs: flags.out,
        ...(flags.classes !== undefined && { classes: await readClasses(flags.classes) }),
        signal,
        onWarning: (message) => reporter.warn(message),
        onRows: (done, total) => {
          progress ??= reporter.startProgress('tracing', total, 'rows');
          progress.update(done);
        },
      }).finally(() => progress?.stop());
      reporter.info('done', { polygons: report.faces, validPixels: report.validPixels, out: report.outputs });
    });
}
