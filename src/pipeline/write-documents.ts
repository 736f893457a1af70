import { readFile, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MODEL_ITEM_FILE, mlmName } from '../convert/model-item.ts';
import type { Grid } from '../core/grid.ts';
import { writeFileAtomic } from '../io/atomic-file.ts';
import { picturesOfPreview } from '../sink/preview-page.ts';
import { encodePicture } from '../sink/report/encode-picture.ts';
import { renderReport } from '../sink/report/report-page.ts';
import { describeItem, STAC_ITEM_FILE } from '../sink/stac/item.ts';
import { titleOf } from './open-outputs.ts';
import { chooseSpaces } from './polygon-options.ts';
import { factsOf, lineageOf, placeOf } from './report-facts.ts';
import { describeOutputs, type OutputRecord } from './run-record.ts';
import type { SegmentReport } from './segment-report.ts';

/** File name of the page for people. */
const REPORT_FILE = 'report.html';

export interface DocumentsOptions {
  readonly outDir: string;
  readonly grid: Grid;
  /** `null` where the outputs are put elsewhere afterwards: no link from there leads to this machine's files. */
  readonly modelDir: string | null;
  /** The run so far; its outputs are in their places. */
  readonly report: SegmentReport;
  /** Pixels with data of each confidence, 0 to 255. */
  readonly confidenceCounts: Float64Array;
  /** Told the path of each file that is in its place. */
  readonly wrote: (path: string) => void;
}

/**
 * Writes what describes a run's other files: `report.html`, unless it is turned off, and `stac-item.json`. Neither holds
 * times or anything else that another run of the same inputs would not repeat: those are in `run.json`.
 * @returns their records
 * @throws SourceError
 */
export async function writeDocuments(options: DocumentsOptions): Promise<OutputRecord[]> {
  const { outDir, report, wrote } = options;
  const write = async (file: string, text: string): Promise<OutputRecord> => {
    const path = join(outDir, file);
    await writeFileAtomic(path, text);
    wrote(path);
    return (await describeOutputs([path]))[0]!;
  };
  const documents: OutputRecord[] = [];
  if (report.config.report) documents.push(await write(REPORT_FILE, await renderPage(options)));
  const item = await itemOf(options, [...report.outputs, ...documents]);
  documents.push(await write(STAC_ITEM_FILE, `${JSON.stringify(item, null, 2)}\n`));
  return documents;
}

async function renderPage({ outDir, grid, report, confidenceCounts }: DocumentsOptions): Promise<string> {
  const { preview } = report.config;
  return renderReport({
    title: titleOf(report.scene.url),
    subtitle: placeOf(grid),
    picture: preview
      ? await encodePicture(await readFile(join(outDir, 'preview.png')), picturesOfPreview(grid))
      : null,
    classes: report.classes,
    validPixels: report.counts.validPixels,
    nodataPixels: report.counts.nodataPixels,
    confidenceCounts,
    seams: report.seams,
    facts: factsOf(report),
    warnings: report.warnings,
  });
}

async function itemOf(
  { outDir, grid, modelDir, report, confidenceCounts }: DocumentsOptions,
  files: readonly OutputRecord[],
) {
  const { frustum, onnxruntime, node } = report.software;
  const { vector, polygons } = report.config;
  const spaces = await chooseSpaces(vector, grid, polygons.crs);
  const title = titleOf(report.scene.url);
  return describeItem({
    // Scenes of a batch often share a file name; the identity tells them apart.
    id: `${title.replace(/[^A-Za-z0-9._-]+/g, '-')}-${report.identity.slice(0, 8)}`,
    title,
    grid,
    time: report.config.taken,
    classes: report.classes,
    confidenceCounts,
    files,
    spaces: Object.fromEntries(vector.map((file, i) => [file, spaces[i]!])),
    lineage: lineageOf(report),
    software: { Frustum: frustum, onnxruntime, 'Node.js': node.replace(/^v/, '') },
    model: { name: mlmName(report.model.name), href: await hrefOfModel(outDir, modelDir) },
  });
}

/** Where the model's STAC Item is, seen from the output folder; `null` if the model has none. */
async function hrefOfModel(outDir: string, modelDir: string | null): Promise<string | null> {
  if (modelDir === null) return null;
  const target = join(resolve(modelDir), MODEL_ITEM_FILE);
  const found = await stat(target).catch(() => null);
  if (found === null) return null;
  const path = relative(resolve(outDir), target);
  // Windows has no relative path from one drive to another.
  if (resolve(path) === path) return pathToFileURL(path).href;
  return path.split(sep).map(encodeURIComponent).join('/');
}
