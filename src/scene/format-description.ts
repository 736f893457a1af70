import type { SceneDescription } from './describe-scene.ts';

/** A description as one screen of text, without a line end at its end. */
export function formatDescription(d: SceneDescription): string {
  const lines: [string, string][] = [
    ['scene', d.url],
    [
      'size',
      `${d.width} x ${d.height} pixels, ${d.bands} band${d.bands === 1 ? '' : 's'} of ${d.sampleType}`,
    ],
    ['file', `${formatBytes(d.sizeBytes)}, ${d.format}`],
    ['layout', `${d.layout}; ${d.compression}`],
    ['colours', d.paletteSize > 0 ? `palette of ${d.paletteSize}` : d.photometric],
    ['names', namesOf(d)],
    ['no data', noDataOf(d)],
    ['overviews', d.overviews.map((o) => `${o.width} x ${o.height}`).join(', ') || 'none'],
    ['CRS', crsOf(d)],
    ['pixel', d.pixelSize ? d.pixelSize.map(formatNumber).join(' x ') : ''],
    ...d.corners.map((c): [string, string] => [
      c.name,
      `(${formatNumber(c.pixel[0])}, ${formatNumber(c.pixel[1])})${c.map ? `  ${c.map.map(formatNumber).join(', ')}` : ''}`,
    ]),
    ['would read', planOf(d)],
    ...d.warnings.map((warning): [string, string] => ['warning', warning]),
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(([label, value]) => `${label.padEnd(12)} ${value}`)
    .join('\n');
}

function namesOf(d: SceneDescription): string {
  if (d.bandNames.every((name) => name === null)) return '';
  const shown = d.bandNames.slice(0, 12).map((name, i) => `${i + 1} ${name ?? '-'}`);
  return shown.join(', ') + (d.bandNames.length > 12 ? ', ...' : '');
}

function noDataOf(d: SceneDescription): string {
  const parts = [
    d.nodata === null ? '' : `value ${d.nodata}`,
    d.sampleType.startsWith('float') && d.nodata !== 'NaN' ? 'value NaN' : '',
    d.alphaBand === null ? '' : `alpha in band ${d.alphaBand}`,
    d.mask ? 'internal mask' : '',
  ].filter((part) => part !== '');
  return parts.join(', ') || 'none: every pixel is valid';
}

function crsOf(d: SceneDescription): string {
  if (d.crs === null) return d.pixelCoordinates ? 'none' : 'none (a transform without a coordinate system)';
  return d.crs.epsg === null ? d.crs.name : `${d.crs.name} (EPSG:${d.crs.epsg})`;
}

function planOf(d: SceneDescription): string {
  if ('refused' in d.plan) return `nothing: ${d.plan.refused}`;
  return `bands ${d.plan.bands.join(', ')}; stretch ${d.plan.stretch}`;
}

/** At most 10 significant digits: millimetres in the largest UTM coordinates. */
function formatNumber(value: number): string {
  return String(Number(value.toPrecision(10)));
}

function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
