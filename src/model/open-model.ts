import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AbortedError, reviveError, WorkerError } from '../core/errors.ts';
import type { ModelManifest } from './manifest.ts';
import type { ChildReply, InferAnswer, InferRequest, OpenAnswer, OpenRequest, Provider } from './protocol.ts';
import { readModelManifest } from './read-manifest.ts';

export interface ModelOptions {
  readonly provider: Provider;
  readonly threads: number;
  /** Aborting rejects all open work with AbortedError and ends the child. */
  readonly signal?: AbortSignal;
}

/** A model that runs in a child process of its own. Close it. */
export interface Model {
  readonly manifest: ModelManifest;
  readonly versions: OpenAnswer['versions'];
  /** Process id of the child. */
  readonly pid: number;
  /**
   * Scores of one frustum. Requests are answered in order; `null` for a context window means that its
   * features are in their place (`slots`) from an earlier request.
   * @throws WorkerError if the child died, AbortedError after an abort, ModelError from the network itself
   */
  infer(request: Omit<InferRequest, 'kind'>): Promise<InferAnswer>;
  close(): Promise<void>;
}

/** Milliseconds that a child is given to end by itself before it is killed. */
const GRACE_MS = 3000;

/**
 * Opens a model folder in a forked child.
 * @throws SourceError, FormatError, ModelError, UnsupportedError, WorkerError
 */
export async function openModel(dir: string, options: ModelOptions): Promise<Model> {
  const manifest = await readModelManifest(dir, true);
  options.signal?.throwIfAborted();
  const link = startChild(options.signal);
  try {
    const request: OpenRequest = { kind: 'open', dir, provider: options.provider, threads: options.threads };
    const { versions } = (await link.ask(request)) as OpenAnswer;
    return {
      manifest,
      versions,
      pid: link.pid,
      infer: (input) => link.ask({ kind: 'infer', ...input }) as Promise<InferAnswer>,
      close: link.close,
    };
  } catch (error) {
    await link.close();
    throw error;
  }
}

interface ChildLink {
  readonly pid: number;
  ask(request: OpenRequest | InferRequest): Promise<unknown>;
  close(): Promise<void>;
}

function startChild(signal: AbortSignal | undefined): ChildLink {
  const child = forkChild();
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  const stderr: string[] = [];
  let nextId = 0;
  let closing = false;
  let failure: Error | null = null;

  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const failAll = (error: Error) => {
    failure ??= error;
    for (const job of pending.values()) job.reject(failure);
    pending.clear();
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr.push(text);
    if (stderr.length > 20) stderr.shift();
  });
  child.on('message', (reply: ChildReply) => {
    const job = pending.get(reply.id);
    pending.delete(reply.id);
    if (reply.ok) job?.resolve(reply.value);
    else job?.reject(reviveError(reply.error));
  });
  child.on('error', (cause) => {
    failAll(
      new WorkerError(`the inference process could not be started or reached: ${cause.message}`, { cause }),
    );
  });
  child.on('exit', (exitCode, exitSignal) => {
    if (closing) return;
    const last = stderr.join('').trim().split('\n').at(-1) ?? '';
    const how = exitSignal === null ? `exit code ${exitCode}` : `signal ${exitSignal}`;
    const hint = exitSignal === 'SIGKILL' ? '; the system may have run out of memory' : '';
    const words = last === '' ? '' : `; its last words: ${last}`;
    failAll(
      new WorkerError(`the inference process died (${how})${hint}${words}; run it again`, {
        exitCode,
        signal: exitSignal,
      }),
    );
  });
  const onAbort = () => {
    failAll(new AbortedError('the run was stopped'));
    void close();
  };
  signal?.addEventListener('abort', onAbort, { once: true });

  async function close(): Promise<void> {
    closing = true;
    signal?.removeEventListener('abort', onAbort);
    failAll(new WorkerError('the model was closed'));
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await ended;
    clearTimeout(kill);
  }

  return {
    pid: child.pid ?? 0,
    close,
    ask(request) {
      if (failure !== null) return Promise.reject(failure);
      const id = nextId++;
      const job = withResolvers<unknown>();
      pending.set(id, job);
      child.send({ id, ...request }, (error) => {
        // A child that is already gone is reported by its exit, with the reason.
        if (error !== null && child.connected) job.reject(new WorkerError(error.message, { cause: error }));
      });
      return job.promise;
    },
  };
}

function forkChild(): ChildProcess {
  // From source (the tests) the child is TypeScript too and needs the same loader.
  const extension = extname(import.meta.url);
  const path = fileURLToPath(new URL(`./child${extension}`, import.meta.url));
  return fork(path, {
    serialization: 'advanced',
    execArgv: extension === '.ts' ? ['--import', 'tsx'] : [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
