import type { CoverageSummary } from '../vectorize/trace-coverage.ts';
import type { ClassSummary } from './segment-report.ts';

/** The classes of a coverage, with their shares of its valid pixels. */
export function summarizeClasses({ classes, validPixels }: CoverageSummary): ClassSummary[] {
  return classes.map(({ classId, className, color, features, pixelCount, areaM2, meanConfidence }) => ({
    id: classId,
    name: className,
    color,
    pixels: pixelCount,
    share: validPixels === 0 ? 0 : pixelCount / validPixels,
    areaM2,
    polygons: features,
    meanConfidence,
  }));
}
