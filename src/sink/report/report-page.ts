import { escapeXml } from '../style/escape-xml.ts';
import { formatArea, formatCount, formatPercent, formatShare } from './format.ts';
import { confidenceChart, summarizeConfidence } from './histogram.ts';
import { REPORT_STYLE } from './report-style.ts';

/** One class of the result, as the report shows it. */
export interface ReportClass {
  readonly name: string;
  /** `#rrggbb` */
  readonly color: string;
  readonly pixels: number;
  /** Of the pixels with data, 0 to 1. */
  readonly share: number;
  readonly areaM2: number | null;
  readonly polygons: number | null;
  /** 0 to 255 */
  readonly meanConfidence: number | null;
}

/** How often classes change from pixel to pixel; rates are 0 to 1. */
export interface ReportSeams {
  readonly seamRate: number | null;
  readonly otherRate: number | null;
  readonly excess: number | null;
}

export interface ReportOptions {
  readonly title: string;
  /** Said below the title: size, place. */
  readonly subtitle: string;
  /** An encoded picture of the scene and its map, or `null`. */
  readonly picture: { readonly mediaType: string; readonly bytes: Uint8Array } | null;
  readonly classes: readonly ReportClass[];
  readonly validPixels: number;
  readonly nodataPixels: number;
  /** Pixels with data of each confidence, 0 to 255. */
  readonly confidenceCounts: ArrayLike<number>;
  readonly seams: ReportSeams;
  /** What was run: headings with their facts, plain text. */
  readonly facts: readonly {
    readonly heading: string;
    readonly entries: readonly (readonly [name: string, value: string])[];
  }[];
  readonly warnings: readonly string[];
}

/**
 * `report.html`: one page that needs nothing but itself (no scripts, no fonts, no links to load), for the screen and for
 * paper. Class names, paths and warnings are escaped.
 */
export function renderReport(options: ReportOptions): string {
  const { title, subtitle } = options;
  const heading = escapeXml(title);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Frustum">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Land cover of ${heading}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${heading}</h1>
<p>${escapeXml(subtitle)}</p>
</header>
${pictureOf(options)}
${classTable(options)}
<div class="columns">
${confidenceSection(options)}
${seamSection(options.seams)}
</div>
${factsSection(options)}
</main>
</body>
</html>
`;
}

function pictureOf({ picture, classes, title }: ReportOptions): string {
  if (picture === null) return '';
  const most = [...classes].sort((p, q) => q.share - p.share).slice(0, 3);
  const alt = `The scene ${title} beside its land-cover map; mostly ${most
    .filter(({ share }) => share > 0)
    .map(({ name, share }) => `${name} (${formatShare(share)})`)
    .join(', ')}`;
  const data = Buffer.from(picture.bytes).toString('base64');
  return `<figure><img alt="${escapeXml(alt)}" src="data:${picture.mediaType};base64,${data}"></figure>`;
}

function classTable({ classes, validPixels, nodataPixels }: ReportOptions): string {
  const shown = classes.filter(({ pixels }) => pixels > 0).sort((p, q) => q.pixels - p.pixels);
  const absent = classes.filter(({ pixels }) => pixels === 0);
  const largest = shown[0]?.share ?? 1;
  const rows = shown.map((entry) => {
    const bar = `<span class="bar" style="width:${((entry.share / largest) * 100).toFixed(1)}%;background:${entry.color}"></span>`;
    return `<tr><th scope="row"><span class="swatch" style="background:${entry.color}"></span>${escapeXml(entry.name)}</th><td class="bars" aria-hidden="true">${bar}</td><td>${formatShare(entry.share)}</td><td>${formatArea(entry.areaM2)}</td><td>${formatCount(entry.polygons)}</td><td>${confidenceCell(entry.meanConfidence)}</td><td>${formatCount(entry.pixels)}</td></tr>`;
  });
  const sum = (pick: (entry: ReportClass) => number | null) =>
    shown.some((entry) => pick(entry) === null) || shown.length === 0
      ? null
      : shown.reduce((total, entry) => total + pick(entry)!, 0);
  const notes = [
    absent.length > 0
      ? `Not found: ${absent.map(({ name }) => escapeXml(name)).join(', ')}.`
      : 'Every class of the model was found.',
    nodataPixels > 0
      ? `${formatCount(nodataPixels)} pixels (${formatShare(nodataPixels / (nodataPixels + validPixels))} of the scene) hold no data.`
      : '',
  ];
  return `<section>
<h2>Classes</h2>
<table>
<thead><tr><th scope="col">Class</th><td class="bars"></td><th scope="col">Share</th><th scope="col">Area</th><th scope="col">Polygons</th><th scope="col">Mean confidence</th><th scope="col">Pixels</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
<tfoot><tr><th scope="row">All</th><td class="bars"></td><td>${shown.length === 0 ? '–' : '100 %'}</td><td>${formatArea(sum((c) => c.areaM2))}</td><td>${formatCount(sum((c) => c.polygons))}</td><td></td><td>${formatCount(validPixels)}</td></tr></tfoot>
</table>
<p class="note">${notes.filter(Boolean).join(' ')}</p>
</section>`;
}

function confidenceCell(mean: number | null): string {
  return mean === null ? '–' : formatPercent(mean / 255, 1);
}

function confidenceSection({ confidenceCounts }: ReportOptions): string {
  const summary = summarizeConfidence(confidenceCounts);
  const words =
    summary === null
      ? 'No pixel holds data.'
      : `The median is ${formatPercent(summary.median, 0)}, the mean ${formatPercent(summary.mean, 1)}; ${formatShare(summary.belowHalf)} of the pixels are below 50 %.`;
  return `<section>
<h2>Confidence</h2>
${summary === null ? '' : confidenceChart(confidenceCounts)}
<p>${words}</p>
<p class="note">The softmax of the summed scores at the winning class: how decided the network was, not how often it is right.</p>
</section>`;
}

function seamSection({ seamRate, otherRate, excess }: ReportSeams): string {
  const measured = seamRate !== null && otherRate !== null;
  const words = measured
    ? `Neighbouring pixels differ in class at ${formatPercent(seamRate, 2)} of the places where a window of the network begins or ends, and at ${formatPercent(otherRate, 2)} elsewhere.`
    : 'No window of the network begins or ends within the scene, or nothing is left to compare with.';
  const figure =
    excess === null
      ? ''
      : `<p class="figure"><strong>${excess.toFixed(2)}</strong> times as often across window borders as elsewhere</p>`;
  return `<section>
<h2>Seams</h2>
${figure}
<p>${words}</p>
<p class="note">1 means that the windows leave no trace in the map; the larger the number, the more they disagree where they meet.</p>
</section>`;
}

function factsSection({ facts, warnings }: ReportOptions): string {
  const lists = facts.map(
    ({ heading, entries }) => `<section>
<h3>${escapeXml(heading)}</h3>
<dl>
${entries.map(([name, value]) => `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd></div>`).join('\n')}
</dl>
</section>`,
  );
  const warned =
    warnings.length === 0
      ? ''
      : `<section class="warnings"><h3>Warnings</h3><ul>${warnings.map((text) => `<li>${escapeXml(text)}</li>`).join('')}</ul></section>`;
  return `<section>
<h2>Run</h2>
<div class="columns facts">
${lists.join('\n')}
</div>
${warned}
</section>`;
}
