import { localPathOf } from '../io/urls.ts';
import { formatParts } from './format-memory.ts';
import type { SceneInspection } from './inspect-scene.ts';

/** Labels take this many columns. */
const INDENT = 13;

/** An inspection as one screen of text, at most `columns` wide where words allow it, without a line end at its end. */
export function formatInspection(d: SceneInspection, columns = 100): string {
  const lines: [string, string][] = [
    ['scene', d.files === null ? d.url : `${d.url} (${d.files.length} files)`],
    ['size', `${d.width} x ${d.height} pixels, ${d.bands} band${d.bands === 1 ? '' : 's'} of ${sampleOf(d)}`],
    ['file', `${formatBytes(d.sizeBytes)}, ${d.format}${cogOf(d)}`],
    ['headers', trafficOf(d)],
    ['layout', `${d.layout}; ${d.compression}`],
    ['colours', d.paletteSize > 0 ? `palette of ${d.paletteSize}` : d.photometric],
    ['names', namesOf(d)],
    ['values', scalesOf(d)],
    ['no data', noDataOf(d)],
    ['overviews', d.overviews.map((o) => `${o.width} x ${o.height}`).join(', ') || 'none'],
    ['CRS', crsOf(d)],
    ['placed by', placeOf(d)],
    ['pixel', pixelOf(d)],
    ...d.corners.map((corner, i): [string, string] => [corner.name, cornerOf(d, i)]),
    ['would read', planOf(d)],
    ['would run', runOf(d)],
    ['memory', memoryOf(d)],
    ...d.warnings.map((warning): [string, string] => ['warning', warning]),
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(([label, value]) => label.padEnd(INDENT) + wrap(value, columns - INDENT))
    .join('\n');
}

/** Breaks text between words; what has no gap stays whole. */
function wrap(text: string, columns: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line.trimEnd());
      line = word;
    } else line = line === '' && lines.length === 0 ? word : `${line} ${word}`.replace(/^ (?=\S)/, '');
  }
  return [...lines, line].join(`\n${' '.repeat(INDENT)}`);
}

function sampleOf(d: SceneInspection): string {
  const whole = /\d+$/.exec(d.sampleType)?.[0] === String(d.bitsPerSample);
  return whole ? d.sampleType : `${d.bitsPerSample}-bit ${d.sampleType}`;
}

/** Small files in strips are neither one thing nor the other. */
function cogOf({ cogFaults, tiled }: SceneInspection): string {
  if (cogFaults.length === 0) return tiled ? ', cloud-optimised' : '';
  return `, not cloud-optimised: ${cogFaults.join(', ')}`;
}

/** What a look at the headers cost, where that is time and money. */
function trafficOf({ url, traffic: { requests, bytes } }: SceneInspection): string {
  if (localPathOf(url) !== null) return '';
  return `${requests} request${requests === 1 ? '' : 's'}, ${formatBytes(bytes)}`;
}

function namesOf(d: SceneInspection): string {
  if (d.bandNames.every((name) => name === null)) return '';
  const shown = d.bandNames.slice(0, 12).map((name, i) => `${i + 1} ${name ?? '-'}`);
  return shown.join(', ') + (d.bandNames.length > 12 ? ', ...' : '');
}

function scalesOf({ scaleOffset }: SceneInspection): string {
  if (scaleOffset === null) return '';
  const words = scaleOffset.map(({ scale, offset }) => `sample * ${scale} + ${offset}`);
  const distinct = [...new Set(words)];
  const said = distinct.length === 1 ? distinct[0]! : words.map((word, i) => `${i + 1}: ${word}`).join(', ');
  return `${said} (said by the file, not applied)`;
}

function noDataOf(d: SceneInspection): string {
  const parts = [
    d.nodata === null ? '' : `value ${d.nodata}`,
    d.sampleType.startsWith('float') && d.nodata !== 'NaN' ? 'value NaN' : '',
    d.alphaBand === null ? '' : `alpha in band ${d.alphaBand}`,
    d.mask ? 'internal mask' : '',
  ].filter((part) => part !== '');
  return parts.join(', ') || 'none: every pixel is valid';
}

function crsOf(d: SceneInspection): string {
  if (d.crs === null)
    return d.pixelCoordinates ? 'none' : 'none (map coordinates without a coordinate system)';
  const code = `EPSG:${d.crs.epsg}`;
  return d.crs.epsg === null || d.crs.name === code ? d.crs.name : `${d.crs.name} (${code})`;
}

function placeOf({ place }: SceneInspection): string {
  if (place.source === null) return 'nothing: pixel coordinates';
  const from = place.file === null ? '' : ` of ${place.file}`;
  const { controlPoints, rpc } = place;
  if (controlPoints !== null) {
    const { count, order, rmsPixels, maxPixels, worst } = controlPoints;
    return `${count} control points${from}, polynomial of order ${order}, off by ${formatShort(rmsPixels)} px (rms), ${formatShort(maxPixels)} px at most (point ${worst})`;
  }
  if (rpc !== null) return `rational polynomials (RPC)${from}, at a height of ${formatNumber(rpc.heightM)} m`;
  return `${place.source}${from}`;
}

function pixelOf(d: SceneInspection): string {
  if (d.pixelSize === null) return '';
  const size = d.pixelSize.map(formatNumber).join(' x ');
  const unit = d.crs === null ? '' : d.crs.kind === 'geographic' ? ' degrees' : ' map units';
  const ground =
    d.pixelMetres === null ? '' : ` (${d.pixelMetres.map(formatShort).join(' x ')} m on the ground)`;
  return `${size}${unit}${ground}`;
}

function cornerOf({ corners, cornersWgs84 }: SceneInspection, i: number): string {
  const { name, pixel, map } = corners[i]!;
  const lonLat = cornersWgs84?.find((corner) => corner.name === name);
  const inDegrees = map !== null && map[0] === lonLat?.lon && map[1] === lonLat.lat;
  return [
    `(${pixel.map(formatNumber).join(', ')})`,
    ...(map === null ? [] : [map.map(formatNumber).join(', ')]),
    ...(lonLat === undefined || inDegrees ? [] : [`${lonLat.lon.toFixed(6)}, ${lonLat.lat.toFixed(6)}`]),
  ].join('  ');
}

function planOf({ plan }: SceneInspection): string {
  if ('refused' in plan) return `nothing: ${plan.refused}`;
  return `bands ${plan.bands.join(', ')}; stretch ${plan.stretch}`;
}

function runOf({ run }: SceneInspection): string {
  const { model, window, windows, stride, mode, distances, frame } = run;
  const count = windows === 1 ? '1 window' : `${windows} windows`;
  return `${count} of ${window} px, ${stride} px apart, ${mode}, seen from ${distances.join(', ')}, in a frame of ${frame.width} x ${frame.height}: ${model}`;
}

function memoryOf({ run: { memory } }: SceneInspection): string {
  return `about ${formatBytes(memory.totalBytes)}; in MiB: ${formatParts(memory)}`;
}

/** At most 10 significant digits: millimetres in the largest UTM coordinates. */
function formatNumber(value: number): string {
  return String(Number(value.toPrecision(10)));
}

function formatShort(value: number): string {
  return String(Number(value.toPrecision(3)));
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
