import { TENSORS } from '../../model/manifest.ts';
import type { Answer } from './run-graphs.ts';

/** Of each score cell the class with the best score, the first of equals. */
export function classesOf(answer: Answer): Uint8Array {
  const { data, dims } = answer[TENSORS.scores]!;
  const scores = data as Float32Array;
  const channels = dims[1]!;
  const cells = scores.length / channels;
  const classes = new Uint8Array(cells);
  for (let i = 0; i < cells; i++) {
    let best = 0;
    for (let c = 1; c < channels; c++) if (scores[c * cells + i]! > scores[best * cells + i]!) best = c;
    classes[i] = best;
  }
  return classes;
}

/** Share of the cells of some windows that have the same class in both. */
export function shareAlike(one: readonly Uint8Array[], other: readonly Uint8Array[]): number {
  let same = 0;
  let count = 0;
  for (const [i, classes] of one.entries()) {
    const others = other[i]!;
    for (let k = 0; k < classes.length; k++) if (classes[k] === others[k]) same++;
    count += classes.length;
  }
  return same / count;
}

/** Sum of the squares by which scores differ. */
export function changeOf(one: Answer, other: Answer): number {
  const scores = one[TENSORS.scores]!.data as Float32Array;
  const others = other[TENSORS.scores]!.data as Float32Array;
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += (scores[i]! - others[i]!) ** 2;
  return sum;
}
