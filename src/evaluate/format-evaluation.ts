import type { Evaluation } from './score.ts';

/** The scores and the matrix as text for a terminal, in percent with two decimals; ends with a line break. */
export function formatEvaluation(evaluation: Evaluation): string {
  const { classes, matrix, averagedOver } = evaluation;
  const scores = layOut([
    ['class', 'IoU', 'F1', 'precision', 'recall', 'truth px', 'predicted px'],
    ...classes.map((c) => [
      `${c.id} ${c.name}${averagedOver.includes(c.id) ? '' : ' *'}`,
      percent(c.iou),
      percent(c.f1),
      percent(c.precision),
      percent(c.recall),
      String(c.truthPixels),
      String(c.predictedPixels),
    ]),
  ]);
  const confusion = layOut([
    ['truth \\ predicted', ...matrix.columns.map(({ name }) => name)],
    ...matrix.rows.map(({ name }, row) => [name, ...matrix.counts[row]!.map(String)]),
  ]);
  const leftOut = classes.length > averagedOver.length ? ' (* not in the means)' : '';
  const lines = [
    ...scores,
    '',
    `OA ${percent(evaluation.overallAccuracy)}   kappa ${fraction(evaluation.kappa)}   mIoU ${percent(evaluation.meanIou)}   mF1 ${percent(evaluation.meanF1)}`,
    `Means over ${averagedOver.length} ${evaluation.averaging}${leftOut}; ${evaluation.pixels} pixels count, ${evaluation.ignoredPixels} are left out (${describeIgnored(evaluation)}).`,
    '',
    ...confusion,
  ];
  return `${lines.join('\n')}\n`;
}

function describeIgnored({ ignoredValues, ignoredPredictedValues }: Evaluation): string {
  const predicted =
    ignoredPredictedValues.length > 0 ? `; predicted value ${ignoredPredictedValues.join(', ')}` : '';
  return `truth value ${ignoredValues.join(', ')}${predicted}`;
}

function percent(value: number | null): string {
  return value === null ? '-' : (value * 100).toFixed(2);
}

function fraction(value: number | null): string {
  return value === null ? '-' : value.toFixed(4);
}

/** Columns as wide as their widest cell: the first to the left, the others to the right. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}
