import type { Grid } from '../core/grid.ts';
import { measurePixel } from '../core/place-pixels.ts';
import type { TextStyle, Typeface } from './preview-text.ts';
import { sizeThumbnail, type ThumbnailSize } from './preview-thumbnail.ts';

/** One line of the legend. */
export interface LegendEntry {
  readonly name: string;
  /** `#rrggbb` */
  readonly color: string;
  /** Of the pixels with data, 0 to 1. */
  readonly share: number;
}

export interface Placement {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where the two pictures go, and everything that is drawn around them. */
export interface PreviewPage {
  readonly width: number;
  readonly height: number;
  readonly scene: Placement;
  readonly classes: Placement;
  readonly svg: string;
}

const PAGE_WIDTH = 1600;
const MARGIN = 32;
const GAP = 24;
/** Room for a caption above a very narrow picture, and the least width with room for a scale bar beside it. */
const CAPTION_WIDTH = 110;
const SCALE_BAR_WIDTH = 300;
const INK = '#1f2328';
const MUTED = '#59636e';
const LINE = '#d1d9e0';
const TITLE: TextStyle = { size: 28, weight: 'semibold', fill: INK };
const SUBTITLE: TextStyle = { size: 17, weight: 'regular', fill: MUTED };
const CAPTION: TextStyle = { size: 17, weight: 'semibold', fill: INK };
const LEGEND: TextStyle = { size: 17, weight: 'regular', fill: INK };
const SHARE: TextStyle = { size: 17, weight: 'regular', fill: MUTED };

const TITLE_BASE = 56;
const SUBTITLE_BASE = 84;
const PANELS_TOP = 132;
const CAPTION_RISE = 10;
const CAPTION_HEIGHT = 34;
const LEGEND_ROW = 30;
const SWATCH = 18;

/** Pictures stand beside each other, or, for scenes more than twice as wide as high, one above the other. */
function isStacked(grid: Grid): boolean {
  return grid.width > 2 * grid.height;
}

/** The size at which a scene is shown. */
export function sizePanel(grid: Grid): ThumbnailSize {
  const inner = PAGE_WIDTH - 2 * MARGIN;
  return isStacked(grid) ? sizeThumbnail(grid, inner, 480) : sizeThumbnail(grid, (inner - GAP) / 2, 900);
}

function placePanels(
  grid: Grid,
  panel: ThumbnailSize,
): { readonly scene: Placement; readonly classes: Placement; readonly pageWidth: number } {
  const width = panel.width * panel.zoom;
  const height = panel.height * panel.zoom;
  const scene = { x: MARGIN, y: PANELS_TOP, width, height };
  const classes = isStacked(grid)
    ? { ...scene, y: PANELS_TOP + height + CAPTION_HEIGHT + CAPTION_RISE }
    : { ...scene, x: MARGIN + Math.max(width, CAPTION_WIDTH) + GAP };
  return { scene, classes, pageWidth: Math.min(PAGE_WIDTH, Math.max(720, classes.x + width + MARGIN)) };
}

/** The part of a grid's `preview.png` with the pictures and what is said above them, without headline and legend. */
export function picturesOfPreview(grid: Grid): Placement {
  const { scene, classes } = placePanels(grid, sizePanel(grid));
  const [x, y] = [scene.x - 1, PANELS_TOP - CAPTION_HEIGHT];
  const right = classes.x + Math.max(classes.width, CAPTION_WIDTH) + 1;
  return { x, y, width: right - x, height: classes.y + classes.height + 1 - y };
}

export function layOutPreview(options: {
  readonly grid: Grid;
  readonly panel: ThumbnailSize;
  readonly title: string;
  readonly subtitle: string;
  readonly legend: readonly LegendEntry[];
  readonly typeface: Typeface;
}): PreviewPage {
  const { grid, panel, title, subtitle, legend, typeface } = options;
  const { scene, classes, pageWidth } = placePanels(grid, panel);
  const inner = pageWidth - 2 * MARGIN;
  const legendTop = classes.y + classes.height + GAP;
  const drawnLegend = drawLegend(legend, legendTop, inner, typeface);

  const parts = [
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    typeface.draw(typeface.fit(title, inner, TITLE), MARGIN, TITLE_BASE, TITLE),
    typeface.draw(typeface.fit(subtitle, inner, SUBTITLE), MARGIN, SUBTITLE_BASE, SUBTITLE),
    typeface.draw('Scene', scene.x, scene.y - CAPTION_RISE, CAPTION),
    typeface.draw('Land cover', classes.x, classes.y - CAPTION_RISE, CAPTION),
    drawScaleBar(grid, classes, typeface),
    drawFrame(scene),
    drawFrame(classes),
    drawnLegend.svg,
  ];
  const pageHeight = legendTop + drawnLegend.height + MARGIN - 8;
  return {
    width: pageWidth,
    height: pageHeight,
    scene,
    classes,
    svg: `<svg xmlns="http://www.w3.org/2000/svg" width="${pageWidth}" height="${pageHeight}">${parts.join('')}</svg>`,
  };
}

function drawFrame({ x, y, width, height }: Placement): string {
  return `<rect x="${x - 0.5}" y="${y - 0.5}" width="${width + 1}" height="${height + 1}" fill="#f6f8fa" stroke="${LINE}"/>`;
}

/** Entries run down the columns, and the columns are as wide as the widest entry. */
function drawLegend(
  legend: readonly LegendEntry[],
  top: number,
  inner: number,
  typeface: Typeface,
): { svg: string; height: number } {
  const labels = legend.map((entry) => {
    const name = typeface.fit(entry.name, 300, LEGEND);
    const share = formatShare(entry.share);
    return { name, share, nameWidth: typeface.measure(name, LEGEND), color: entry.color };
  });
  const shareWidth = typeface.measure('100.0 %', SHARE);
  const widest = Math.max(0, ...labels.map((label) => label.nameWidth));
  const columnWidth = SWATCH + 10 + widest + 12 + shareWidth + 40;
  const columns = Math.max(1, Math.min(legend.length, Math.floor((inner + 40) / columnWidth)));
  const rows = Math.ceil(legend.length / columns);
  const svg = labels.map(({ name, share, color }, i) => {
    const x = MARGIN + Math.floor(i / rows) * columnWidth;
    const base = top + (i % rows) * LEGEND_ROW + 20;
    const swatch = `<rect x="${x + 0.5}" y="${base - 14.5}" width="${SWATCH}" height="${SWATCH}" rx="3" fill="${color}" stroke="#000000" stroke-opacity="0.25"/>`;
    return (
      swatch +
      typeface.draw(name, x + SWATCH + 10, base, LEGEND) +
      typeface.draw(share, x + columnWidth - 40, base, SHARE, 'end')
    );
  });
  return { svg: svg.join(''), height: rows * LEGEND_ROW };
}

function formatShare(share: number): string {
  if (share > 0 && share < 0.0005) return '< 0.1 %';
  return `${(share * 100).toFixed(1)} %`;
}

/** A round length of at most a third of the picture, at the right of its caption; none without metres. */
function drawScaleBar(grid: Grid, panel: Placement, typeface: Typeface): string {
  const { crs } = grid;
  const [pixel] = measurePixel(grid) ?? [];
  if (pixel === undefined || crs?.metresPerUnit == null || panel.width < SCALE_BAR_WIDTH) return '';
  const metresPerPixel = (pixel * crs.metresPerUnit * grid.width) / panel.width;
  const most = (metresPerPixel * panel.width) / 3;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = power * (most >= 5 * power ? 5 : most >= 2 * power ? 2 : 1);
  const length = metres / metresPerPixel;
  const right = panel.x + panel.width;
  const y = panel.y - CAPTION_RISE - 5;
  const label = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
  const bar = `<path d="M${right - length} ${y - 4}V${y + 4}M${right} ${y - 4}V${y + 4}M${right - length} ${y}H${right}" stroke="${MUTED}" stroke-width="1.5" fill="none"/>`;
  return bar + typeface.draw(label, right - length - 10, y + 5, SHARE, 'end');
}
