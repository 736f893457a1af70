import type { Command } from 'commander';
import { UnsupportedError } from '../core/errors.ts';
import { describeScene, type SceneDescription } from '../scene/describe-scene.ts';
import { formatDescription } from '../scene/format-description.ts';
import type { BandChoice } from '../scene/select-bands.ts';
import { createProjector } from '../vectorize/reproject.ts';
import { addPlaceOptions, type PlaceFlags, placeOf } from './place.ts';
import { addSourceOptions, type SourceFlags, sourceOptionsOf } from './source-options.ts';
import { examples, parseBands, type VerbContext } from './verb.ts';

interface InfoFlags extends SourceFlags, PlaceFlags {
  json?: true;
  bands?: BandChoice;
}

export function addInfo(program: Command, { print, signal }: VerbContext): void {
  const command = program
    .command('info')
    .description('what a scene is, where it lies, and what Frustum would do with it; reads the header only')
    .argument('<scene>', 'GeoTIFF: a path, or an http(s): or s3: URL')
    .option('--bands <r,g,b>', 'bands as segment would be told', parseBands)
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      examples(
        'info scene.tif',
        'info scene.tif --json',
        'info https://example.org/scene.tif',
        'info s3://bucket/scene.tif --s3-anonymous',
      ),
    )
    .action(async (url: string, flags: InfoFlags) => {
      const description = await describeScene(url, {
        ...(flags.bands && { bands: flags.bands }),
        ...placeOf(flags),
        ...sourceOptionsOf(flags),
        signal,
      });
      const lonLat = cornersInDegrees(description);
      if (flags.json) {
        print(JSON.stringify({ ...description, cornersWgs84: lonLat }, null, 2));
        return;
      }
      print(formatDescription(description));
      for (const { name, lon, lat } of lonLat ?? []) {
        print(`${name.padEnd(12)} ${lon.toFixed(7)}, ${lat.toFixed(7)} (WGS 84)`);
      }
    });
  addPlaceOptions(command);
  addSourceOptions(command);
}

/** Corners in degrees; `null` where the scene has no place on the Earth or its CRS no known way there. */
function cornersInDegrees(
  description: SceneDescription,
): { readonly name: string; readonly lon: number; readonly lat: number }[] | null {
  const { crs } = description;
  if (crs === null) return null;
  try {
    const project = createProjector({ ...crs, metresPerUnit: null, geoKeys: null });
    return description.corners.flatMap(({ name, map }) => {
      if (map === null) return [];
      const [lon, lat] = project(map[0], map[1]);
      return Number.isFinite(lon) && Number.isFinite(lat) ? [{ name, lon, lat }] : [];
    });
  } catch (error) {
    if (error instanceof UnsupportedError) return null;
    throw error;
  }
}
