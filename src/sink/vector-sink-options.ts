import type { LandCoverClass } from '../core/classes.ts';
import type { CoverageSpace } from '../core/coverage.ts';
import type { Grid } from '../core/grid.ts';

/** What a vector layer is made with. */
export interface VectorSinkOptions {
  readonly path: string;
  /** What the coordinates of its features are. */
  readonly space: CoverageSpace;
  /** The scene's, for formats that draw it at several scales. */
  readonly grid?: Grid;
  /** The layer's name; `landcover` unless given. */
  readonly name?: string;
  /** Names and colours, for formats that hold a style or a legend. */
  readonly classes?: readonly LandCoverClass[];
  /** Facts about the run, where the format has a place for them. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A sentence about the layer, and its facts with the legend as JSON. */
export function describeLayer({ classes, metadata }: VectorSinkOptions): {
  readonly description: string;
  readonly metadata: string;
} {
  return {
    description: 'Land cover as a gap-free polygon coverage: neighbours share their borders point for point.',
    metadata: JSON.stringify({ ...metadata, ...(classes !== undefined && { classes }) }),
  };
}
