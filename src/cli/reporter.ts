import cliProgress from 'cli-progress';
import { pino } from 'pino';
import { serializeError } from '../core/errors.ts';

/** What a verb tells people (a bar on a terminal) or machines (a JSON line each). Everything goes to standard error. */
export interface Reporter {
  info(event: string, detail?: Readonly<Record<string, unknown>>): void;
  warn(message: string): void;
  /** A failure that does not end the command. */
  error(event: string, failure: unknown): void;
  /** Starts counting towards `total`; call the result with each new state, then `stop`. */
  startProgress(label: string, total: number, unit: string): Progress;
}

export interface Progress {
  update(done: number): void;
  stop(): void;
}

/** Milliseconds between two JSON progress lines. */
const LINE_INTERVAL_MS = 5000;

/** @param interactive whether standard error is a terminal */
export function createReporter(interactive: boolean): Reporter {
  return interactive ? createTerminalReporter() : createLineReporter();
}

function createLineReporter(): Reporter {
  const log = pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    info: (event, detail = {}) => log.info(detail, event),
    warn: (message) => log.warn(message),
    error: (event, failure) => {
      const { tag, message } = serializeError(failure);
      log.error({ tag: tag ?? 'InternalError', message }, event);
    },
    startProgress(label, total, unit) {
      const started = performance.now();
      let last = started;
      let done = 0;
      const line = () => {
        const seconds = (performance.now() - started) / 1000;
        const rate = done / Math.max(seconds, 1e-3);
        log.info(
          {
            done,
            total,
            unit,
            [`${unit}PerSecond`]: Number(rate.toFixed(3)),
            secondsLeft: rate > 0 ? Math.round((total - done) / rate) : null,
          },
          label,
        );
      };
      return {
        update(value) {
          done = value;
          if (performance.now() - last < LINE_INTERVAL_MS) return;
          last = performance.now();
          line();
        },
        stop: line,
      };
    },
  };
}

function createTerminalReporter(): Reporter {
  let bar: cliProgress.SingleBar | null = null;
  const write = (text: string) => {
    // A bar in progress is drawn again on the line below.
    if (bar !== null) process.stderr.write('\r\x1b[K');
    process.stderr.write(`${text}\n`);
  };
  return {
    info(event, detail = {}) {
      const words = Object.entries(detail).map(([key, value]) => `${key} ${formatValue(value)}`);
      write([event, ...words].join('  '));
    },
    warn: (message) => write(`warning: ${message}`),
    error(event, failure) {
      const { tag, message } = serializeError(failure);
      write(`${event}: ${tag ?? 'InternalError'}: ${message}`);
    },
    startProgress(label, total, unit) {
      const started = performance.now();
      const current = new cliProgress.SingleBar(
        {
          format: `${label} [{bar}] {percentage}%  {value}/{total} ${unit}  {rate} ${unit}/s  {left} left`,
          barsize: 30,
          stream: process.stderr,
          hideCursor: true,
          clearOnComplete: false,
        },
        cliProgress.Presets.rect,
      );
      bar = current;
      current.start(total, 0, { rate: '-', left: '-' });
      return {
        update(done) {
          const seconds = (performance.now() - started) / 1000;
          const rate = done / Math.max(seconds, 1e-3);
          current.update(done, {
            rate: rate.toFixed(rate < 10 ? 2 : 0),
            left: rate > 0 ? formatDuration((total - done) / rate) : '-',
          });
        },
        stop() {
          current.stop();
          bar = null;
        },
      };
    },
  };
}

function formatValue(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Seconds as people say them: `42s`, `3m 05s`, `2h 10m`. */
export function formatDuration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${String(s % 60).padStart(2, '0')}s`;
  return `${Math.floor(s / 3600)}h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}m`;
}
