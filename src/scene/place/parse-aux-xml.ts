import { DOMParser, type Element } from '@xmldom/xmldom';
import type { Affine } from '../../core/affine.ts';
import { FormatError } from '../../core/errors.ts';
import type { ControlPoint } from '../../core/polynomial-warp.ts';
import { checkControlPoints, checkTransform } from '../../geotiff/read-transform.ts';
import type { SideFile } from './side-files.ts';

/** What GDAL's side file (PAM, `.aux.xml`) says that matters here. */
export interface AuxXml {
  readonly transform: Affine | null;
  /** As it stands there: WKT, or another text that names a CRS. */
  readonly crs: string | null;
  readonly controlPoints: readonly ControlPoint[];
  readonly controlPointCrs: string | null;
  /** Metadata domain RPC, or `null`. */
  readonly rpc: ReadonlyMap<string, string> | null;
  /** By band, counted from 0; holes where a band says nothing. */
  readonly bandNames: readonly (string | undefined)[];
  readonly nodata: readonly (number | undefined)[];
}

/** Bands that a file can have names for; a crafted band number could else make a huge array. */
const MOST_BANDS = 4096;

/**
 * @throws FormatError where the file is no XML or no PAM, or places pixels at no place
 */
export function parseAuxXml({ url, text }: SideFile): AuxXml {
  const root = parseRoot(url, text);
  const geoTransform = childOf(root, 'GeoTransform');
  const gcpList = childOf(root, 'GCPList');
  const bandNames: (string | undefined)[] = [];
  const nodata: (number | undefined)[] = [];
  for (const band of childrenOf(root, 'PAMRasterBand')) {
    const index = Number(band.getAttribute('band')) - 1;
    if (!Number.isInteger(index) || index < 0 || index >= MOST_BANDS) continue;
    bandNames[index] = textOf(childOf(band, 'Description')) ?? undefined;
    nodata[index] = numberOf(textOf(childOf(band, 'NoDataValue')));
  }
  return {
    transform: geoTransform === null ? null : transformOf(url, geoTransform),
    crs: textOf(childOf(root, 'SRS')),
    controlPoints: gcpList === null ? [] : controlPointsOf(url, gcpList),
    controlPointCrs: gcpList?.getAttribute('Projection') || null,
    rpc: rpcOf(root),
    bandNames,
    nodata,
  };
}

function parseRoot(url: string, text: string): Element {
  const fail = (why: string, cause?: unknown): FormatError =>
    new FormatError(`${url} cannot be read: ${why}; repair or remove it`, { url, what: 'XML', cause });
  // Entities of its own are how crafted XML grows without bounds, and GDAL never writes any.
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw fail('it declares a document type, which GDAL never does');
  let problem: string | null = null;
  let root: Element | null;
  try {
    const parser = new DOMParser({
      onError: (level, message) => {
        if (level !== 'warning') problem ??= message;
      },
    });
    root = parser.parseFromString(text, 'text/xml').documentElement;
  } catch (cause) {
    throw fail(`it is not well-formed XML (${firstLine(problem ?? cause)})`, cause);
  }
  if (problem !== null || root === null) throw fail(`it is not well-formed XML (${firstLine(problem)})`);
  if (root.tagName !== 'PAMDataset') throw fail(`its root is <${root.tagName}>, expected <PAMDataset>`);
  return root;
}

function firstLine(problem: unknown): string {
  return String(problem instanceof Error ? problem.message : problem).split('\n')[0]!;
}

/** GDAL's order: x of the origin, x by column, x by row, then y. */
function transformOf(url: string, element: Element): Affine {
  const numbers = (textOf(element) ?? '').split(',').map((word) => numberOf(word) ?? Number.NaN);
  const [c, a, b, f, d, e] = numbers as [number, number, number, number, number, number];
  if (numbers.length !== 6) {
    throw new FormatError(
      `${url}: its GeoTransform has ${numbers.length} numbers, expected 6; repair or remove it`,
      {
        url,
        what: 'GeoTransform',
      },
    );
  }
  const transform = { a, b, c, d, e, f };
  checkTransform(transform, url, 'its GeoTransform');
  return transform;
}

function controlPointsOf(url: string, list: Element): ControlPoint[] {
  const points = childrenOf(list, 'GCP').map((gcp): ControlPoint => {
    const at = (name: string) => numberOf(gcp.getAttribute(name)) ?? Number.NaN;
    return {
      column: at('Pixel'),
      row: at('Line'),
      x: at('X'),
      y: at('Y'),
      z: numberOf(gcp.getAttribute('Z')) ?? 0,
    };
  });
  checkControlPoints(points, url, 'its GCPList');
  return points;
}

function rpcOf(root: Element): ReadonlyMap<string, string> | null {
  const domain = childrenOf(root, 'Metadata').find((element) => element.getAttribute('domain') === 'RPC');
  if (domain === undefined) return null;
  return new Map(
    childrenOf(domain, 'MDI').map((item) => [item.getAttribute('key') ?? '', textOf(item) ?? '']),
  );
}

function childrenOf(parent: Element, name: string): Element[] {
  return Array.from(parent.childNodes).filter(
    (node): node is Element => node.nodeType === 1 && node.nodeName === name,
  );
}

function childOf(parent: Element, name: string): Element | null {
  return childrenOf(parent, name)[0] ?? null;
}

function textOf(element: Element | null): string | null {
  const text = element?.textContent?.trim() ?? '';
  return text === '' ? null : text;
}

function numberOf(text: string | null): number | undefined {
  const word = text?.trim() ?? '';
  if (/^[+-]?nan$/i.test(word)) return Number.NaN;
  if (/^[+-]?inf/i.test(word))
    return word.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return word === '' || Number.isNaN(Number(word)) ? undefined : Number(word);
}
