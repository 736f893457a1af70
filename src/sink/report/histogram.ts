import { formatPercent, formatShare } from './format.ts';

/** Confidences 1 to 255 fall into bars of five values each. */
const VALUES_A_BAR = 5;
const BARS = 51;
const WIDTH = 510;
const HEIGHT = 150;
const LEFT = 40;
const BASE = HEIGHT + 8;

export interface ConfidenceSummary {
  /** All are 0 to 1. */
  readonly mean: number;
  readonly median: number;
  /** Share of the pixels whose confidence is below a half. */
  readonly belowHalf: number;
}

/** What a histogram of confidences (index 0 to 255) says in three numbers; `null` where it is empty. */
export function summarizeConfidence(counts: ArrayLike<number>): ConfidenceSummary | null {
  let total = 0;
  let sum = 0;
  let below = 0;
  for (let value = 0; value < counts.length; value++) {
    total += counts[value]!;
    sum += counts[value]! * value;
    if (value < 127.5) below += counts[value]!;
  }
  if (total === 0) return null;
  let median = 0;
  for (let seen = counts[0]!; seen * 2 < total; seen += counts[median]!) median++;
  return { mean: sum / total / 255, median: median / 255, belowHalf: below / total };
}

/** The histogram as inline SVG: shares of the pixels with data. */
export function confidenceChart(counts: ArrayLike<number>): string {
  const bars = new Array<number>(BARS).fill(0);
  let total = 0;
  for (let value = 0; value < counts.length; value++) {
    // No pixel with data has a confidence of 0, but rounding could make one.
    bars[Math.max(0, Math.ceil(value / VALUES_A_BAR) - 1)]! += counts[value]!;
    total += counts[value]!;
  }
  const top = niceTop(Math.max(...bars) / total);
  const heightOf = (share: number) => (share / top) * HEIGHT;
  const rects = bars.map((count, i) => {
    const height = heightOf(count / total);
    const y = BASE - height;
    return count === 0
      ? ''
      : `<rect x="${LEFT + (i * WIDTH) / BARS + 0.5}" y="${y.toFixed(1)}" width="${WIDTH / BARS - 1}" height="${height.toFixed(1)}"/>`;
  });
  const lines = [0.5, 1].map((part) => {
    const y = BASE - HEIGHT * part;
    return `<line x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${y}" y2="${y}"/><text x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${formatPercent(top * part, top < 0.1 ? 1 : 0)}</text>`;
  });
  const ticks = [0, 25, 50, 75, 100].map((percent) => {
    const x = LEFT + (percent / 100) * WIDTH;
    return `<line x1="${x}" x2="${x}" y1="${BASE}" y2="${BASE + 5}"/><text x="${x}" y="${BASE + 20}" text-anchor="middle">${percent} %</text>`;
  });
  const { median, belowHalf } = summarizeConfidence(counts)!;
  return `<svg role="img" aria-labelledby="confidence-title" viewBox="0 0 ${LEFT + WIDTH + 24} ${BASE + 26}">
<title id="confidence-title">Histogram of confidence, 0 to 100 %: median ${formatPercent(median, 0)}, ${formatShare(belowHalf)} of the pixels below 50 %</title>
<g class="grid">${lines.join('')}</g>
<g class="bars">${rects.join('')}</g>
<g class="axis"><line x1="${LEFT}" x2="${LEFT + WIDTH}" y1="${BASE}" y2="${BASE}"/>${ticks.join('')}</g>
</svg>`;
}

/** The least of 1, 2, 3, 4, 6, 8 times a power of ten that is not below. */
function niceTop(share: number): number {
  const power = 10 ** Math.floor(Math.log10(share));
  const steps = [1, 2, 3, 4, 6, 8, 10];
  // A breath of tolerance: 0.2 / 0.1 is a little more than 2.
  return Math.min(1, power * (steps.find((step) => step * power >= share * (1 - 1e-9)) ?? 10));
}
