/**
 * Tagged errors. Guard them by `tag`, not by `instanceof`: they cross process borders as plain data
 * ({@link serializeError}, {@link reviveError}).
 */

/** Exit codes of the command line: done, permanent failure, wrong usage, try again (EX_TEMPFAIL). */
export const EXIT = { done: 0, permanent: 1, usage: 2, tryAgain: 75 } as const;

export type ErrorTag =
  | 'SourceError'
  | 'FormatError'
  | 'ConfigError'
  | 'ModelError'
  | 'WorkerError'
  | 'TopologyError'
  | 'UnsupportedError'
  | 'ResourceError'
  | 'AbortedError';

/** Base of every error that Frustum raises on purpose. `message` says what, where, expected, got and what to do. */
export abstract class FrustumError extends Error {
  abstract readonly tag: ErrorTag;
  override get name(): string {
    return this.tag;
  }
}

/** Bytes could not be read or written: missing, forbidden, cut short, disk full. */
export class SourceError extends FrustumError {
  readonly tag = 'SourceError';
  readonly url: string;
  /** HTTP status or errno name such as `ENOENT`, if there is one. */
  readonly status: number | string | null;
  /** Whether the same call may work later. */
  readonly retryable: boolean;
  constructor(
    message: string,
    detail: { url: string; status?: number | string | null; retryable?: boolean; cause?: unknown },
  ) {
    super(message, { cause: detail.cause });
    this.url = detail.url;
    this.status = detail.status ?? null;
    this.retryable = detail.retryable ?? false;
  }
}

/** Bytes were read but are not what their format promises. */
export class FormatError extends FrustumError {
  readonly tag = 'FormatError';
  readonly url: string;
  /** The part of the file that is wrong, e.g. `tag 324 TileOffsets`. */
  readonly what: string;
  constructor(message: string, detail: { url: string; what: string; cause?: unknown }) {
    super(message, { cause: detail.cause });
    this.url = detail.url;
    this.what = detail.what;
  }
}

/** A setting is wrong or does not fit the input; `pointer` is a JSON pointer or an option such as `--stride`. */
export class ConfigError extends FrustumError {
  readonly tag = 'ConfigError';
  readonly pointer: string;
  readonly value: unknown;
  constructor(message: string, detail: { pointer: string; value?: unknown; cause?: unknown }) {
    super(message, { cause: detail.cause });
    this.pointer = detail.pointer;
    this.value = detail.value;
  }
}

/** A model or checkpoint does not fit: names the tensor (or file), what was expected and what was there. */
export class ModelError extends FrustumError {
  readonly tag = 'ModelError';
  readonly tensor: string;
  readonly expected: string;
  readonly actual: string;
  constructor(
    message: string,
    detail: { tensor: string; expected: string; actual: string; cause?: unknown },
  ) {
    super(message, { cause: detail.cause });
    this.tensor = detail.tensor;
    this.expected = detail.expected;
    this.actual = detail.actual;
  }
}

/** An inference child died or stopped answering; its work is rejected with this. */
export class WorkerError extends FrustumError {
  readonly tag = 'WorkerError';
  readonly exitCode: number | null;
  readonly signal: string | null;
  constructor(
    message: string,
    detail: { exitCode?: number | null; signal?: string | null; cause?: unknown } = {},
  ) {
    super(message, { cause: detail.cause });
    this.exitCode = detail.exitCode ?? null;
    this.signal = detail.signal ?? null;
  }
}

/** An invariant of the polygon topology does not hold: a defect in Frustum, never a property of the input. */
export class TopologyError extends FrustumError {
  readonly tag = 'TopologyError';
  readonly arc: number;
  constructor(message: string, detail: { arc: number; cause?: unknown }) {
    super(message, { cause: detail.cause });
    this.arc = detail.arc;
  }
}

/** The input is legal but Frustum does not do it; `hint` says what to do instead. */
export class UnsupportedError extends FrustumError {
  readonly tag = 'UnsupportedError';
  readonly feature: string;
  readonly hint: string;
  constructor(message: string, detail: { feature: string; hint: string; cause?: unknown }) {
    super(message, { cause: detail.cause });
    this.feature = detail.feature;
    this.hint = detail.hint;
  }
}

/** A run would take more of the machine than was promised, or than there is; the same may work where there is more. */
export class ResourceError extends FrustumError {
  readonly tag = 'ResourceError';
  /** What there is too little of. */
  readonly resource: 'memory';
  /** In bytes. */
  readonly allowed: number;
  readonly used: number;
  constructor(
    message: string,
    detail: { resource: 'memory'; allowed: number; used: number; cause?: unknown },
  ) {
    super(message, { cause: detail.cause });
    this.resource = detail.resource;
    this.allowed = detail.allowed;
    this.used = detail.used;
  }
}

/** The user (Ctrl-C) or the scheduler (SIGTERM) asked to stop. */
export class AbortedError extends FrustumError {
  readonly tag = 'AbortedError';
}

/** Any error of this module's classes, by its tag. */
export type TaggedError =
  | SourceError
  | FormatError
  | ConfigError
  | ModelError
  | WorkerError
  | TopologyError
  | UnsupportedError
  | ResourceError
  | AbortedError;

/** True if `error` is one of Frustum's own errors, also after it crossed a process border. */
export function isFrustumError(error: unknown): error is TaggedError {
  return error instanceof Error && typeof (error as { tag?: unknown }).tag === 'string';
}

/** The exit code that a failure ends a process with. */
export function exitCodeOf(error: unknown): number {
  if (!isFrustumError(error)) return EXIT.permanent;
  switch (error.tag) {
    case 'ConfigError':
      return EXIT.usage;
    case 'AbortedError':
    case 'ResourceError':
    case 'WorkerError':
      return EXIT.tryAgain;
    case 'SourceError':
      return error.retryable ? EXIT.tryAgain : EXIT.permanent;
    default:
      return EXIT.permanent;
  }
}

/** An error as data, for a process border. */
export interface ErrorData {
  readonly tag: ErrorTag | null;
  readonly message: string;
  readonly stack: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Turns any thrown value into data. */
export function serializeError(error: unknown): ErrorData {
  if (!(error instanceof Error)) return { tag: null, message: String(error), stack: null, detail: {} };
  const {
    tag,
    name: _name,
    message: _message,
    stack: _stack,
    cause: _cause,
    ...detail
  } = error as unknown as Record<string, unknown>;
  return {
    tag: typeof tag === 'string' ? (tag as ErrorTag) : null,
    message: error.message,
    stack: error.stack ?? null,
    detail,
  };
}

/** Makes an error of the right class again from {@link serializeError}'s data. */
export function reviveError(data: ErrorData): Error {
  const detail = data.detail as never;
  const make = {
    SourceError: () => new SourceError(data.message, detail),
    FormatError: () => new FormatError(data.message, detail),
    ConfigError: () => new ConfigError(data.message, detail),
    ModelError: () => new ModelError(data.message, detail),
    WorkerError: () => new WorkerError(data.message, detail),
    TopologyError: () => new TopologyError(data.message, detail),
    UnsupportedError: () => new UnsupportedError(data.message, detail),
    ResourceError: () => new ResourceError(data.message, detail),
    AbortedError: () => new AbortedError(data.message),
  };
  return data.tag === null ? new Error(data.message) : make[data.tag]();
}
