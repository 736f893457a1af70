import type { Model } from '../model/open-model.ts';

/** How the network ran: for each of its processes, what on, how much, and how much of its time. */
export interface NetworkReport {
  /** Windows that went through the network at once. */
  readonly batch: number;
  /** Mean of the workers', 0 to 1; `null` where no window had data. */
  readonly busyShare: number | null;
  readonly workers: readonly NetworkWorkerReport[];
}

export interface NetworkWorkerReport {
  readonly device: string;
  readonly windows: number;
  /** Runs of the local graph, each of a whole batch: some may have held fewer windows. */
  readonly batches: number;
  /** Part of the time between its first request and its last answer that was spent inside graphs; `null` without any. */
  readonly busyShare: number | null;
  /** Before the first request; only GPUs are warmed up. */
  readonly warmUpSeconds: number;
}

/** What a model's workers did so far, for `run.json`. */
export function reportNetwork(model: Pick<Model, 'batch' | 'usage'>): NetworkReport {
  const workers = model.usage().map(({ device, windows, batches, busyMs, openMs, warmUpMs }) => ({
    device,
    windows,
    batches,
    busyShare: openMs > 0 ? roundedShare(busyMs / openMs) : null,
    warmUpSeconds: Math.round(warmUpMs) / 1000,
  }));
  const shares = workers.map(({ busyShare }) => busyShare).filter((share) => share !== null);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return { batch: model.batch, busyShare: shares.length === 0 ? null : roundedShare(mean), workers };
}

function roundedShare(share: number): number {
  return Math.round(Math.min(share, 1) * 1e4) / 1e4;
}
