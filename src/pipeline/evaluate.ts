import type { LandCoverClass } from '../core/classes.ts';
import { evaluateRasters } from '../evaluate/evaluate-rasters.ts';
import type { Evaluation, ScoreOptions } from '../evaluate/score.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { readClassRaster } from '../scene/read-class-raster.ts';
import { classesOfRaster } from './raster-classes.ts';

/** Which rasters to compare, and how to score. */
export interface EvaluateOptions extends Omit<ScoreOptions, 'classes'> {
  /** The map: a class raster. */
  readonly predicted: string;
  /** What is really there: a class raster of the same size. */
  readonly truth: string;
  /** Unless given: those that the prediction knows by name or colour, then those of the truth, then plain numbers. */
  readonly classes?: readonly Pick<LandCoverClass, 'id' | 'name'>[];
  /** How the bytes of remote rasters are read. */
  readonly source?: SourceOptions;
  readonly signal?: AbortSignal;
}

/**
 * Scores a class raster against the truth.
 * @throws ConfigError if the rasters differ in size or hold values that no class has; SourceError, FormatError
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { signal, source, ...scoring } = options;
  const reading = { ...source, ...(signal && { signal }) };
  const predicted = await readClassRaster(options.predicted, reading);
  try {
    const truth = await readClassRaster(options.truth, reading);
    try {
      const known = [classesOfRaster(predicted), classesOfRaster(truth)].find((list) => list.length > 0);
      const plain = Array.from({ length: 255 }, (_, id) => ({ id, name: `class ${id}` }));
      return await evaluateRasters(predicted.rows(signal), truth.rows(signal), {
        ...scoring,
        classes: options.classes ?? known ?? plain,
      });
    } finally {
      await truth.close();
    }
  } finally {
    await predicted.close();
  }
}
