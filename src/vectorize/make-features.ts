import type { LandCoverClass } from '../core/classes.ts';
import type { CoverageFeature } from '../core/coverage.ts';
import type { FaceShape } from './shape-face.ts';
import { type ClassTotal, createClassTotals } from './total-classes.ts';

/** The colour of class values that the list of classes does not know; they are called `class N`. */
export const UNKNOWN_COLOR = '#808080';

/** What a feature is besides its shape. */
export interface FeatureFacts {
  readonly id: number;
  readonly classId: number;
  readonly pixelCount: number;
  /** `null` where no confidences were given. */
  readonly confidenceSum: number | null;
  readonly leastConfidence: number;
  readonly touchesEdge: boolean;
  readonly belowMmu: boolean;
}

/** Makes features, and adds them up by class. */
export interface FeatureMaker {
  /** One feature a geometry of the shape; they differ in nothing else. */
  make(facts: FeatureFacts, shape: FaceShape): CoverageFeature[];
  totals(): ClassTotal[];
}

export function createFeatureMaker(classes: readonly LandCoverClass[]): FeatureMaker {
  const byId = new Map(classes.map((c) => [c.id, c]));
  const totals = createClassTotals();
  return {
    make(facts, { geometries, areaM2, perimeterM }) {
      const { id, classId, pixelCount, confidenceSum, touchesEdge, belowMmu } = facts;
      const { name, color } = byId.get(classId) ?? { name: `class ${classId}`, color: UNKNOWN_COLOR };
      const features = geometries.map((geometry) => ({
        id,
        classId,
        className: name,
        color,
        pixelCount,
        areaM2,
        perimeterM,
        meanConfidence: confidenceSum === null ? null : confidenceSum / pixelCount,
        minConfidence: confidenceSum === null ? null : facts.leastConfidence,
        touchesEdge,
        belowMmu,
        geometry,
      }));
      totals.add(features[0]!, confidenceSum);
      return features;
    },
    totals: () => totals.list(),
  };
}
