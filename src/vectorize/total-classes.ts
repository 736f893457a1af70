import type { CoverageFeature } from '../core/coverage.ts';

/** What one class holds of a coverage. */
export interface ClassTotal {
  readonly classId: number;
  readonly className: string;
  readonly color: string;
  readonly features: number;
  readonly pixelCount: number;
  /** Square metres; `null` without georeferencing. */
  readonly areaM2: number | null;
  /** Over pixels, 0 to 255; `null` where none were given. */
  readonly meanConfidence: number | null;
}

/** Adds features up by class. */
export function createClassTotals(): {
  add(feature: CoverageFeature, confidenceSum: number | null): void;
  /** By class id. */
  list(): ClassTotal[];
} {
  const totals = new Map<
    number,
    { -readonly [K in keyof ClassTotal]: ClassTotal[K] } & { sum: number | null }
  >();
  return {
    add({ classId, className, color, pixelCount, areaM2 }, confidenceSum) {
      let total = totals.get(classId);
      if (total === undefined) {
        const nothing = {
          features: 0,
          pixelCount: 0,
          areaM2: areaM2 === null ? null : 0,
          meanConfidence: null,
        };
        total = { classId, className, color, ...nothing, sum: confidenceSum === null ? null : 0 };
        totals.set(classId, total);
      }
      total.features++;
      total.pixelCount += pixelCount;
      if (total.areaM2 !== null) total.areaM2 += areaM2 ?? 0;
      if (total.sum !== null) total.sum += confidenceSum ?? 0;
    },
    list() {
      return [...totals.values()]
        .sort((p, q) => p.classId - q.classId)
        .map(({ sum, ...total }) => ({
          ...total,
          meanConfidence: sum === null ? null : sum / total.pixelCount,
        }));
    },
  };
}
