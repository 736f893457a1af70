import type { ChildLink } from './child-link.ts';
import type { InferAnswer, WindowRequest } from './protocol.ts';

/** The windows that one child is to do, in the order in which they came. */
export interface WorkerQueue {
  /** Windows that came and are not answered. */
  readonly waiting: number;
  readonly usage: WorkerUsage;
  push(window: WindowRequest): Promise<InferAnswer>;
}

/** What a child did so far. */
export interface WorkerUsage {
  /** Windows that were answered. */
  readonly windows: number;
  /** Runs of the local graph; each is of a whole batch. */
  readonly batches: number;
  /** Milliseconds inside graphs. */
  readonly busyMs: number;
  /** Milliseconds from the first request to the last answer. */
  readonly openMs: number;
}

/**
 * Requests that a child has at a time: while it computes one, the next is taken in and put ready, and what comes after that
 * is on its way.
 */
const UNDER_WAY = 3;

/** Milliseconds that a child without work waits for a batch to fill before it starts on a part of one. */
const LINGER_MS = 5;

/** Hands windows to a child in batches. A part of a batch goes only to a child that has nothing else to do. */
export function createWorkerQueue(link: Pick<ChildLink, 'ask'>, batch: number): WorkerQueue {
  interface Job {
    readonly window: WindowRequest;
    readonly resolve: (answer: InferAnswer) => void;
    readonly reject: (reason: unknown) => void;
  }
  const jobs: Job[] = [];
  const usage = { windows: 0, batches: 0, busyMs: 0, openMs: 0 };
  let underWay = 0;
  let asked = 0;
  let firstAt: number | null = null;
  let timer: NodeJS.Timeout | null = null;

  const pump = (whatThereIs: boolean) => {
    while (
      underWay < UNDER_WAY &&
      (jobs.length >= batch || (whatThereIs && underWay === 0 && jobs.length > 0))
    ) {
      void send(jobs.splice(0, batch));
    }
    if (jobs.length > 0 && underWay === 0 && timer === null) {
      timer = setTimeout(() => {
        timer = null;
        pump(true);
      }, LINGER_MS);
    }
  };
  const send = async (part: readonly Job[]) => {
    underWay++;
    firstAt ??= performance.now();
    try {
      const answer = await link.ask({ kind: 'infer', windows: part.map(({ window }) => window) });
      const { long, short, local } = answer.milliseconds;
      const milliseconds = {
        long: long / part.length,
        short: short / part.length,
        local: local / part.length,
      };
      usage.batches++;
      usage.windows += part.length;
      usage.busyMs += long + short + local;
      usage.openMs = performance.now() - firstAt;
      for (const [i, job] of part.entries()) job.resolve({ ...answer.windows[i]!, milliseconds });
    } catch (error) {
      for (const job of part) job.reject(error);
    }
    asked -= part.length;
    underWay--;
    pump(false);
  };
  return {
    get waiting() {
      return asked;
    },
    get usage() {
      return { ...usage };
    },
    push(window) {
      asked++;
      return new Promise((resolve, reject) => {
        jobs.push({ window, resolve, reject });
        pump(false);
      });
    },
  };
}
