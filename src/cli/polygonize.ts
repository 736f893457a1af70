import type { Command } from 'commander';
import { readClasses } from '../pipeline/read-classes.ts';
import { addPlaceOptions, type PlaceFlags, placeOf } from './place.ts';
import type { Progress } from './reporter.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { examples, type VerbContext } from './verb.ts';

interface PolygonizeFlags extends SourceFlags, PlaceFlags {
  out: string[];
  classes?: string;
}

export function addPolygonize(program: Command, { reporter, signal }: VerbContext): void {
  const command = program
    .command('polygonize')
    .description('any class raster to gap-free polygons: shared borders are equal point for point')
    .argument('<raster>', 'single-band uint8 GeoTIFF')
    .requiredOption('--out <file...>', 'files to write: .geojson, .geojsonl')
    .option(
      '--classes <file>',
      "JSON with class names and colours, e.g. a model's manifest.json (default: the raster's own)",
    )
    .addHelpText(
      'after',
      examples(
        'polygonize landcover.tif --out landcover.geojson',
        'polygonize labels.tif --out a.geojson b.geojsonl --classes models/mine/manifest.json',
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
        signal,
        onWarning: (message) => reporter.warn(message),
        onRows: (done, total) => {
          progress ??= reporter.startProgress('tracing', total, 'rows');
          progress.update(done);
        },
      }).finally(() => progress?.stop());
      reporter.info('done', { polygons: report.faces, validPixels: report.validPixels, out: report.outputs });
    });
  addPlaceOptions(command);
  addSourceOptions(command);
}
