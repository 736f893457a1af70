import { XMLParser, XMLValidator } from 'fast-xml-parser';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { picturesOfPreview } from '../../../src/sink/preview-page.ts';
import { encodePicture } from '../../../src/sink/report/encode-picture.ts';
import { formatArea, formatShare } from '../../../src/sink/report/format.ts';
import { confidenceChart, summarizeConfidence } from '../../../src/sink/report/histogram.ts';
import { type ReportOptions, renderReport } from '../../../src/sink/report/report-page.ts';

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(1)>'&`;

function countsOf(entries: Readonly<Record<number, number>>): Float64Array {
  const counts = new Float64Array(256);
  for (const [value, count] of Object.entries(entries)) counts[Number(value)] = count;
  return counts;
}

const OPTIONS: ReportOptions = {
  title: 'scene',
  subtitle: '40 × 30 pixels',
  picture: null,
  classes: [
    {
      name: 'water',
      color: '#0000ff',
      pixels: 300,
      share: 0.3,
      areaM2: 4800,
      polygons: 3,
      meanConfidence: 204,
    },
    {
      name: 'forest',
      color: '#00ff00',
      pixels: 700,
      share: 0.7,
      areaM2: 11200,
      polygons: 2,
      meanConfidence: 255,
    },
    { name: 'rock', color: '#888888', pixels: 0, share: 0, areaM2: null, polygons: 0, meanConfidence: null },
  ],
  validPixels: 1000,
  nodataPixels: 200,
  confidenceCounts: countsOf({ 100: 200, 204: 100, 255: 700 }),
  seams: { seamRate: 0.03, otherRate: 0.02, excess: 1.5 },
  facts: [{ heading: 'Scene', entries: [['File', 'scene.tif']] }],
  warnings: ['mind the gap'],
};

/** Void elements of HTML closed, so that an XML reader can judge the nesting of all others. */
function asXml(html: string): string {
  return html.replace('<!DOCTYPE html>', '').replace(/<(meta|img)\b([^>]*)>/g, '<$1$2/>');
}

function textOf(html: string): string {
  return html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');
}

describe('renderReport', () => {
  const html = renderReport(OPTIONS);

  it('is well-formed: every element closed where it should be', () => {
    expect(XMLValidator.validate(asXml(html))).toBe(true);
  });

  it('says share, area, polygons and confidence of each class that occurs, the largest first', () => {
    const { html: page } = new XMLParser({ ignoreAttributes: false }).parse(asXml(html));
    const { table } = page.body.main.section[0];
    const cells = table.tbody.tr.map((row: { td: (string | object)[]; th: { '#text': string } }) => [
      row.th['#text'],
      ...row.td.slice(1),
    ]);
    expect(cells).toEqual([
      ['forest', '70.0 %', '11,200 m²', 2, '100.0 %', 700],
      ['water', '30.0 %', '4,800 m²', 3, '80.0 %', 300],
    ]);
    expect(table.tfoot.tr.td.slice(1)).toEqual(['100 %', '16,000 m²', 5, '', '1,000']);
    expect(textOf(html)).toContain('Not found: rock. 200 pixels (16.7 % of the scene) hold no data.');
  });

  it('says what confidence and seams are', () => {
    expect(textOf(html)).toContain(
      'The median is 100 %, the mean 85.8 %; 20.0 % of the pixels are below 50 %.',
    );
    expect(textOf(html)).toContain('1.50 times as often across window borders as elsewhere');
    expect(textOf(html)).toContain('3.00 % of the places');
    expect(textOf(html)).toContain('mind the gap');
  });

  it('loads nothing: no scripts, no links, no addresses but the picture in it', async () => {
    const picture = { mediaType: 'image/webp', bytes: Uint8Array.of(1, 2, 3) };
    const page = renderReport({ ...OPTIONS, picture });
    expect(page).toContain('src="data:image/webp;base64,AQID"');
    expect(page).toMatch(/alt="The scene scene beside its land-cover map; mostly forest \(70\.0 %\), water/);
    for (const [, url] of page.matchAll(/(?<![-\w])(?:src|href|url\()\s*=?\s*["']?([^"')\s>]+)/g)) {
      expect(url).toMatch(/^data:image\/webp/);
    }
    expect(page).not.toMatch(/<(script|link|iframe|object|base)\b|@import|https?:\/\//i);
  });

  it('can be read with a screen reader, on small screens and on paper', () => {
    expect(html).toContain('<html lang="en">');
    expect(html).toContain('<title>Land cover of scene</title>');
    expect(html.match(/<th scope="col">/g)).toHaveLength(6);
    expect(html.match(/<th scope="row">/g)).toHaveLength(3);
    expect(html).toMatch(/<svg role="img" aria-labelledby="confidence-title"/);
    expect(html.match(/<h1/g)).toHaveLength(1);
    for (const part of ['width=device-width', '@media print', 'prefers-color-scheme:dark']) {
      expect(html).toContain(part);
    }
  });

  it('takes no name for markup', () => {
    const page = renderReport({
      ...OPTIONS,
      title: HOSTILE,
      subtitle: HOSTILE,
      picture: { mediaType: 'image/webp', bytes: Uint8Array.of(1) },
      classes: OPTIONS.classes.map((entry) => ({ ...entry, name: HOSTILE })),
      facts: [{ heading: HOSTILE, entries: [[HOSTILE, HOSTILE]] }],
      warnings: [HOSTILE],
    });
    expect(page).not.toContain('<script');
    expect(XMLValidator.validate(asXml(page))).toBe(true);
    const { img } = new XMLParser({ ignoreAttributes: false }).parse(asXml(page)).html.body.main.figure;
    expect(Object.keys(img)).toEqual(['@_alt', '@_src']);
    // Title, heading, alternative text, classes found and not, the list of facts, a warning.
    expect(page.match(/&lt;script&gt;/g)!.length).toBeGreaterThanOrEqual(9);
  });

  it('holds without data, polygons or seams', () => {
    const page = renderReport({
      ...OPTIONS,
      classes: OPTIONS.classes.map((entry) => ({
        ...entry,
        pixels: 0,
        share: 0,
        areaM2: null,
        polygons: null,
        meanConfidence: null,
      })),
      validPixels: 0,
      nodataPixels: 1200,
      confidenceCounts: new Float64Array(256),
      seams: { seamRate: null, otherRate: null, excess: null },
    });
    expect(page).not.toMatch(/NaN|undefined|Infinity|null/);
    expect(textOf(page)).toContain('No pixel holds data.');
    expect(XMLValidator.validate(asXml(page))).toBe(true);
  });
});

describe('confidenceChart', () => {
  it('draws bars whose heights are the shares', () => {
    const svg = confidenceChart(countsOf({ 1: 100, 5: 100, 6: 400, 255: 200, 251: 200 }));
    const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="[\d.]+" height="([\d.]+)"/g)];
    const shares = bars.map(([, x, height]) => [Number(x), Number(height)]);
    // 1 to 5 are the first bar, 6 to 10 the second, 251 to 255 the last; 0.4 of all is the top of the chart.
    expect(shares).toEqual([
      [40.5, 75],
      [50.5, 150],
      [540.5, 150],
    ]);
  });

  it('is summed up by mean, median and the share below a half', () => {
    expect(summarizeConfidence(countsOf({ 127: 1, 128: 1, 255: 2 }))).toEqual({
      mean: (127 + 128 + 510) / 4 / 255,
      median: 128 / 255,
      belowHalf: 0.25,
    });
    expect(summarizeConfidence(new Float64Array(256))).toBeNull();
  });
});

describe('encodePicture', () => {
  it('keeps the panels of the preview, without its headline and legend', async () => {
    const grid = { width: 400, height: 300, transform: null, crs: null };
    const part = picturesOfPreview(grid);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="900"><rect width="100%" height="100%" fill="#fff"/></svg>`;
    const { mediaType, bytes } = await encodePicture(await sharp(Buffer.from(svg)).png().toBuffer(), part);
    expect(mediaType).toBe('image/webp');
    expect(await sharp(bytes).metadata()).toMatchObject({
      format: 'webp',
      width: part.width,
      height: part.height,
    });
  });

  it('stays below 1.3 MB whatever is in the picture', async () => {
    const noise = new Uint8Array(1600 * 1600 * 3);
    for (let i = 0, state = 1; i < noise.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      noise[i] = state >>> 24;
    }
    const png = await sharp(noise, { raw: { width: 1600, height: 1600, channels: 3 } })
      .png({ compressionLevel: 1 })
      .toBuffer();
    const { bytes } = await encodePicture(png, { x: 0, y: 0, width: 1600, height: 1600 });
    expect(bytes.length).toBeGreaterThan(50_000);
    expect(bytes.length).toBeLessThan(1_300_000);
  });
});

describe('numbers', () => {
  it.each([
    [12.3, '12.3 m²'],
    [99_999, '100,000 m²'],
    [100_000, '0.1 km²'],
    [6_032_000, '6.03 km²'],
    [123_456_789_000, '123,456.8 km²'],
    [null, '–'],
  ])('an area of %s is %s', (area, text) => {
    expect(formatArea(area)).toBe(text);
  });

  it.each([
    [0, '0 %'],
    [0.0001, '< 0.1 %'],
    [0.123, '12.3 %'],
    [0.9999, '> 99.9 %'],
    [1, '100 %'],
  ])('a share of %s is %s', (share, text) => {
    expect(formatShare(share)).toBe(text);
  });
});
