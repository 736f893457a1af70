import type { Grid } from '../core/grid.ts';
import { measurePixel } from '../core/place-pixels.ts';
import { toldTime } from '../sink/stac/time.ts';
import { passesOf } from './ask-network.ts';
import type { SegmentReport } from './segment-report.ts';

interface FactGroup {
  readonly heading: string;
  readonly entries: readonly (readonly [name: string, value: string])[];
}

/** A grid in a few words: size, size of a pixel, CRS. */
export function placeOf(grid: Grid): string {
  const { width, height, crs } = grid;
  const [side] = measurePixel(grid) ?? [];
  const size = `${width} × ${height} pixels`;
  if (side === undefined || crs === null) return `${size} · not georeferenced`;
  const pixel = side * (crs.metresPerUnit ?? 1);
  const unit = crs.metresPerUnit === null ? '°' : ' m';
  return `${size} of ${Number(pixel.toPrecision(3))}${unit} · ${crs.name}`;
}

/** What was run, for people. Nothing that differs between two runs of the same inputs. */
export function factsOf(report: SegmentReport): FactGroup[] {
  const { scene, model, config, counts, software } = report;
  const { stretch } = scene;
  return [
    {
      heading: 'Scene',
      entries: [
        ['File', nameOf(scene)],
        ['Taken', takenOf(config.taken)],
        ['Bands', scene.bands.join(', ')],
        ['Stretch', stretch.kind === 'none' ? 'none' : stretch.kind],
        ['No data', scene.nodata === null ? (scene.mask ? 'by mask' : 'not marked') : String(scene.nodata)],
      ],
    },
    {
      heading: 'Model',
      entries: [
        ['Name', model.name],
        ['Distances', model.distances.join(', ')],
        ['Window', `${model.window} pixels`],
        ['Parameters', model.parameters.toLocaleString('en-US')],
        ['Checksum', model.checksum.slice(0, 12)],
      ],
    },
    {
      heading: 'Settings',
      entries: [
        ['Stride', `${config.stride} pixels`],
        ...specialsOf(config),
        ['Geometry', config.mode],
        ['Context', config.sampling === 'exact' ? 'full resolution' : 'altitude pyramid'],
        ['Windows', `${counts.windowsRun + counts.windowsWithoutData}`],
        ['Without data', `${counts.windowsWithoutData}`],
        ['Area', areaOf(report)],
        ['Polygons', polygonsOf(report) ?? (config.vector.length > 0 ? 'of the pixels' : 'none')],
      ],
    },
    {
      heading: 'Software',
      entries: [
        ['Frustum', software.frustum],
        ['onnxruntime', software.onnxruntime],
        ['Node.js', software.node.replace(/^v/, '')],
        ['Provider', config.provider],
        ['Run', report.identity.slice(0, 12)],
      ],
    },
  ];
}

/** How the map came about, in a sentence. */
export function lineageOf(report: SegmentReport): string {
  const { scene, model, config, counts } = report;
  const windows = counts.windowsRun + counts.windowsWithoutData;
  const context = config.sampling === 'exact' ? 'full resolution' : 'an altitude pyramid';
  const polygons = polygonsOf(report);
  return (
    `Land cover of ${nameOf(scene)}, bands ${scene.bands.join(', ')}, by the SFR-Net model ${model.name}: ` +
    `${windows} windows of ${model.window} pixels every ${config.stride} pixels${specialsOf(config)
      .map(([name, value]) => `, ${name.toLowerCase()} ${value}`)
      .join('')}, ${config.mode} geometry, context from ${context}.` +
    (report.area === null ? '' : ` Mapped in part: ${areaOf(report)}.`) +
    (polygons === null ? '' : ` Polygons: ${polygons}.`)
  );
}

/** How windows are run otherwise than published; what is as published is not told. */
function specialsOf({
  blend,
  shareContext,
  tta,
}: SegmentReport['config']): (readonly [name: string, value: string])[] {
  return [
    ...(blend === 'tapered' ? [['Overlaps', 'tapered'] as const] : []),
    ...(shareContext > 1
      ? [['Context shared', `by ${shareContext} × ${shareContext} windows`] as const]
      : []),
    ...(tta === 'd4' ? [['Orientations', `${passesOf(tta)}`] as const] : []),
  ];
}

/** The scene's file, or what stands for its files. */
function nameOf({ url, files }: SegmentReport['scene']): string {
  const name = url.replace(/^.*[\\/]/, '');
  return files === undefined ? name : `${name} (a scene of ${files.length} files)`;
}

/** Which part of the scene was mapped. */
function areaOf({ area }: SegmentReport): string {
  if (area === null) return 'whole scene';
  const { x, y, width, height } = area.window;
  return `${area.pixels} pixels in columns ${x} to ${x + width - 1}, rows ${y} to ${y + height - 1}`;
}

/** How polygons differ from those of the pixels; `null` if they don't. */
function polygonsOf({ config, scene }: SegmentReport): string | null {
  const unit = scene.pixelCoordinates || scene.crs === null ? 'pixels' : 'm';
  const { mmu, connectedness, affinity, simplify, smooth = 0 } = config.polygons;
  const steps = [
    ...(connectedness === 8 ? ['joined across corners'] : []),
    ...(mmu ? [`merged below ${'pixels' in mmu ? `${mmu.pixels} pixels` : `${mmu.areaM2} m²`}`] : []),
    ...(mmu && affinity ? ['by an affinity table'] : []),
    ...(simplify
      ? [
          `simplified by ${simplify.method === 'dp' ? 'Douglas-Peucker' : 'Visvalingam'}, ${simplify.toleranceM} ${unit}`,
        ]
      : []),
    ...(smooth > 0 ? [smooth === 1 ? 'smoothed once' : `smoothed ${smooth} times`] : []),
  ];
  return config.vector.length === 0 || steps.length === 0 ? null : steps.join(', ');
}

function takenOf(taken: SegmentReport['config']['taken']): string {
  if (taken.datetime !== null) return taken.datetime;
  const told = toldTime(taken);
  if (told !== null) return told.replace('/', ' to ');
  const { end_datetime: end } = taken;
  return end.startsWith('9999') ? 'unknown' : `unknown, before ${end.slice(0, 10)}`;
}
