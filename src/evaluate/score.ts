import { NODATA_CLASS } from '../core/classes.ts';
import { ConfigError } from '../core/errors.ts';
import {
  CLASS_VALUES,
  confusionMatrix,
  type PairCounts,
  predictedValuesOf,
  sumOf,
  truthValuesOf,
} from './confusion.ts';

/** How to score. */
export interface ScoreOptions {
  /** The classes that may occur, with the names to report. */
  readonly classes: readonly { readonly id: number; readonly name: string }[];
  /**
   * Truth values that stand for no knowledge: pixels with them are left out. {@link NODATA_CLASS} always is one. They may
   * be classes; a prediction of an ignored class where the truth is another one is wrong.
   */
  readonly ignore?: readonly number[];
  /**
   * Predicted values to leave out as well, whatever the truth says. Flatters a map that uses them; some published figures
   * (FBPS drops row and column 0 of the matrix) were made this way.
   */
  readonly ignorePredicted?: readonly number[];
  /** Classes that the means are taken over, but for those that occur neither in the truth nor in the prediction; the ones in the truth unless told. */
  readonly averageOver?: readonly number[];
}

/** The scores of one class; `null` where they are undefined, 0 divided by 0. */
export interface ClassScores {
  readonly id: number;
  readonly name: string;
  readonly truthPixels: number;
  readonly predictedPixels: number;
  /** Right pixels in the union of truth and prediction. */
  readonly iou: number | null;
  /** Harmonic mean of precision and recall. */
  readonly f1: number | null;
  /** Right pixels among the predicted ones. */
  readonly precision: number | null;
  /** Right pixels among the true ones. */
  readonly recall: number | null;
}

/** A finished comparison; plain data. Scores are fractions of 1. */
export interface Evaluation {
  /** Pixels that count. */
  readonly pixels: number;
  /** Pixels left out, for their truth or (with `ignorePredicted`) for their prediction. */
  readonly ignoredPixels: number;
  readonly ignoredValues: readonly number[];
  readonly ignoredPredictedValues: readonly number[];
  /** Right pixels among all that count (OA). */
  readonly overallAccuracy: number | null;
  /** Cohen's kappa: agreement beyond what the class shares alone would give; `null` where those alone give full agreement. */
  readonly kappa: number | null;
  readonly meanIou: number | null;
  readonly meanF1: number | null;
  /** Ids of the classes in the means. */
  readonly averagedOver: readonly number[];
  /** How these were chosen. */
  readonly averaging: 'classes present in the truth' | 'given classes';
  /** The classes that are not ignored. */
  readonly classes: readonly ClassScores[];
  /** Pixels; rows are true classes, columns predicted ones. */
  readonly matrix: {
    readonly rows: readonly MatrixLabel[];
    readonly columns: readonly MatrixLabel[];
    readonly counts: readonly (readonly number[])[];
  };
}

/** A row or column of the matrix. */
export interface MatrixLabel {
  readonly value: number;
  readonly name: string;
}

/**
 * Scores counted pairs. Where the prediction has no data, the pixel counts as missed, in a column of its own.
 * @throws ConfigError if truth or prediction hold values that are neither classes nor ignored
 */
export function scorePairs(counts: PairCounts, options: ScoreOptions): Evaluation {
  const ignored = [...new Set([...(options.ignore ?? []), NODATA_CLASS])].sort((p, q) => p - q);
  const ignoredPredicted = [...new Set(options.ignorePredicted ?? [])].sort((p, q) => p - q);
  checkValues(counts, options, ignored, ignoredPredicted);

  const label = ({ id, name }: { id: number; name: string }): MatrixLabel => ({ value: id, name });
  const scored = options.classes.filter(({ id }) => !ignored.includes(id));
  const rows = scored.map(label);
  const columns = [...options.classes.map(label), { value: NODATA_CLASS, name: 'no data' }].filter(
    ({ value }) => !ignoredPredicted.includes(value),
  );
  const matrix = confusionMatrix(
    counts,
    rows.map(({ value }) => value),
    columns.map(({ value }) => value),
  );
  const pixels = sumOf(rows.length, (row) => sumOf(columns.length, (column) => matrix[row]![column]!));
  const classes = scored.map(({ id, name }, row) => {
    const column = columns.findIndex(({ value }) => value === id);
    const right = matrix[row]![column] ?? 0;
    const truthPixels = sumOf(columns.length, (c) => matrix[row]![c]!);
    const predictedPixels = column < 0 ? 0 : sumOf(rows.length, (r) => matrix[r]![column]!);
    return {
      right,
      scores: {
        id,
        name,
        truthPixels,
        predictedPixels,
        iou: ratio(right, truthPixels + predictedPixels - right),
        f1: ratio(2 * right, truthPixels + predictedPixels),
        precision: ratio(right, predictedPixels),
        recall: ratio(right, truthPixels),
      },
    };
  });
  const scores = classes.map((c) => c.scores);
  const averaged = options.averageOver
    ? scores.filter(({ id, iou }) => options.averageOver!.includes(id) && iou !== null)
    : scores.filter(({ truthPixels }) => truthPixels > 0);
  const accuracy = ratio(
    sumOf(classes.length, (i) => classes[i]!.right),
    pixels,
  );
  return {
    pixels,
    ignoredPixels: sumOf(CLASS_VALUES ** 2, (i) => counts[i]!) - pixels,
    ignoredValues: ignored,
    ignoredPredictedValues: ignoredPredicted,
    overallAccuracy: accuracy,
    kappa: kappaOf(accuracy, pixels, scores),
    meanIou: meanOf(averaged.map(({ iou }) => iou)),
    meanF1: meanOf(averaged.map(({ f1 }) => f1)),
    averagedOver: averaged.map(({ id }) => id),
    averaging: options.averageOver ? 'given classes' : 'classes present in the truth',
    classes: scores,
    matrix: { rows, columns, counts: matrix },
  };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** The mean; a class that is averaged over has at least one pixel, so that its scores are defined. */
function meanOf(values: readonly (number | null)[]): number | null {
  return ratio(
    sumOf(values.length, (i) => values[i]!),
    values.length,
  );
}

/** (accuracy - chance) / (1 - chance), with the chance that truth and prediction agree if they were independent. */
function kappaOf(accuracy: number | null, pixels: number, scores: readonly ClassScores[]): number | null {
  if (accuracy === null) return null;
  const chance = sumOf(
    scores.length,
    (i) => (scores[i]!.truthPixels / pixels) * (scores[i]!.predictedPixels / pixels),
  );
  return ratio(accuracy - chance, 1 - chance);
}

function checkValues(
  counts: PairCounts,
  { classes, averageOver = [] }: ScoreOptions,
  ignored: readonly number[],
  ignoredPredicted: readonly number[],
): void {
  const ids = classes.map(({ id }) => id);
  const known = `The classes are ${classes.map(({ id, name }) => `${id} ${name}`).join(', ')}`;
  const strangers = truthValuesOf(counts).filter((value) => !ids.includes(value) && !ignored.includes(value));
  if (strangers.length > 0) {
    throw new ConfigError(
      `The truth holds ${listValues(strangers)}, which no class has. ${known}. Ignore such values or name the right classes.`,
      { pointer: '/ignore', value: strangers },
    );
  }
  const unknown = predictedValuesOf(counts).filter(
    (value) => !ids.includes(value) && value !== NODATA_CLASS && !ignoredPredicted.includes(value),
  );
  if (unknown.length > 0) {
    throw new ConfigError(
      `The prediction holds ${listValues(unknown)}, which no class has. ${known}. Check that prediction and truth use the same classes.`,
      { pointer: '/classes', value: unknown },
    );
  }
  const unscored = averageOver.filter((id) => !ids.includes(id) || ignored.includes(id));
  if (unscored.length > 0) {
    throw new ConfigError(
      `The means cannot be taken over ${listValues(unscored)}: no class has it, or it is ignored. ${known}.`,
      { pointer: '/averageOver', value: unscored },
    );
  }
}

function listValues(values: readonly number[]): string {
  const shown = values.slice(0, 8).join(', ');
  const more = values.length > 8 ? ` and ${values.length - 8} more` : '';
  return `the value${values.length > 1 ? 's' : ''} ${shown}${more}`;
}
