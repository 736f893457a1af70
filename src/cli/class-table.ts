import type { ClassSummary } from '../pipeline/segment-report.ts';

/** The classes of a result as a table for the terminal; classes that don't occur are left out. */
export function formatClassTable(classes: readonly ClassSummary[]): string {
  const rows = classes
    .filter((c) => c.pixels > 0)
    .map((c) => [
      c.name,
      `${(c.share * 100).toFixed(2)} %`,
      String(c.pixels),
      c.areaM2 === null ? '' : `${(c.areaM2 / 1e6).toFixed(3)} km2`,
      c.polygons === null ? '' : String(c.polygons),
      c.meanConfidence === null ? '' : `${((c.meanConfidence / 255) * 100).toFixed(1)} %`,
    ]);
  if (rows.length === 0) return 'no pixel of the scene holds data';
  const table = [['class', 'share', 'pixels', 'area', 'polygons', 'confidence'], ...rows];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  return table
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
