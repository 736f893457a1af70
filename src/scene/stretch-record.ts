import { type ApplyStretch, createStretch, keepBytes } from './apply-stretch.ts';
import type { MeasuredRange } from './measure-range.ts';
import type { BandRanges, MeasuredPlan, StretchPlan } from './stretch.ts';

/**
 * A stretch with all its numbers, as `run.json` keeps it; `{ recorded: record }` as a stretch gives the same bytes again.
 * `v` in `formula` is the sample as stored: a file's scale and offset are not applied.
 */
export type StretchRecord =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'fixed' | 'minmax' | 'percentile' | 'stddev';
      readonly formula: string;
      /** Per band; min = max is a band of one value, which becomes 0 up to it and 255 above. */
      readonly ranges: BandRanges;
      /** Absent where it is 1. */
      readonly gamma?: number | undefined;
      readonly percentiles?: readonly [number, number] | undefined;
      /** Standard deviations either side of the mean. */
      readonly deviations?: number | undefined;
      /** What the numbers were measured on; absent for fixed ones. */
      readonly sampling?: string | undefined;
      /** Values measured, a band; absent for fixed ones. */
      readonly counts?: readonly [number, number, number] | undefined;
    };

const LINEAR = 'clamp(round((v - min) / (max - min) * 255), 0, 255)';
const CURVED = 'clamp(round(((v - min) / (max - min)) ^ (1 / gamma) * 255), 0, 255)';

/** The record of a plan and of what was measured for it (`null` for plans that need nothing measured). */
export function recordStretch(plan: StretchPlan, measured: MeasuredRange | null): StretchRecord {
  if (plan.kind === 'none') return { kind: 'none' };
  if (plan.kind === 'recorded') return plan.record;
  const ranges = plan.kind === 'fixed' ? plan.ranges : measured!.ranges;
  return {
    kind: plan.kind,
    formula: plan.gamma === 1 ? LINEAR : CURVED,
    ranges,
    ...(plan.gamma !== 1 && { gamma: plan.gamma }),
    ...(plan.kind === 'percentile' && { percentiles: plan.percentiles }),
    ...(plan.kind === 'stddev' && { deviations: plan.deviations }),
    ...(measured && { sampling: measured.sampling, counts: measured.counts }),
  };
}

/** The stretch that a record describes. */
export function stretchOf(record: StretchRecord): ApplyStretch {
  return record.kind === 'none' ? keepBytes : createStretch(record.ranges, record.gamma);
}

/** A plan in words, for people. */
export function nameStretch(plan: StretchPlan): string {
  if (plan.kind === 'none') return 'none: bytes as they are';
  if (plan.kind === 'recorded') return 'as recorded';
  const gamma = plan.gamma === 1 ? '' : `, gamma ${plan.gamma}`;
  if (plan.kind === 'fixed') return plan.ranges.map((range) => range.join(' to ')).join(', ') + gamma;
  return `${nameEnds(plan)}, scene-wide${gamma}`;
}

function nameEnds(plan: MeasuredPlan): string {
  if (plan.kind === 'minmax') return "each band's minimum and maximum";
  if (plan.kind === 'percentile') return `percentiles ${plan.percentiles.join(' and ')} of each band`;
  return `each band's mean and ${plan.deviations} standard deviations either side`;
}
