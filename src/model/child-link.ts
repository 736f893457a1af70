import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AbortedError, reviveError, WorkerError } from '../core/errors.ts';
import { lastWords } from '../core/last-words.ts';
import { ALLOCATOR, NODE_FLAGS } from '../core/node-settings.ts';
import type { BatchAnswer, ChildReply, InferRequest, OpenAnswer, OpenRequest } from './protocol.ts';

/** An inference child, as the run's process sees it. */
export interface ChildLink {
  readonly pid: number;
  ask(request: OpenRequest): Promise<OpenAnswer>;
  ask(request: InferRequest): Promise<BatchAnswer>;
  /** Ends the child; what is open is rejected with `reason`. */
  close(reason?: Error): Promise<void>;
}

export interface ChildOptions {
  readonly signal?: AbortSignal | undefined;
  /** Added to this process's variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called once if the child dies of itself, with what its work was rejected with. */
  readonly onDeath?: (error: Error) => void;
}

/** Milliseconds that a child is given to end by itself: before it is killed, or before that it can't be reached is an error. */
const GRACE_MS = 3000;

/** Forks an inference child. One that dies rejects all that it was asked, and an abort ends it. */
export function startChild({ signal, env, onDeath }: ChildOptions): ChildLink {
  const child = forkChild(env);
  const pending = new Map<number, PromiseWithResolvers<never>>();
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
  const die = (error: Error) => {
    failAll(error);
    onDeath?.(error);
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr.push(text);
    if (stderr.length > 20) stderr.shift();
  });
  child.on('message', (reply: ChildReply) => {
    const job = pending.get(reply.id);
    pending.delete(reply.id);
    if (reply.ok) job?.resolve(reply.value as never);
    else job?.reject(reviveError(reply.error));
  });
  child.on('error', (cause) => {
    die(
      new WorkerError(`the inference process could not be started or reached: ${cause.message}`, { cause }),
    );
  });
  child.on('exit', (exitCode, exitSignal) => {
    if (closing) return;
    const last = lastWords(stderr.join(''));
    const how = exitSignal === null ? `exit code ${exitCode}` : `signal ${exitSignal}`;
    const hint = exitSignal === 'SIGKILL' ? '; the system may have run out of memory' : '';
    const words = last === '' ? '' : `; its last words: ${last}`;
    die(
      new WorkerError(`the inference process died (${how})${hint}${words}; run it again`, {
        exitCode,
        signal: exitSignal,
      }),
    );
  });
  const onAbort = () => void close(new AbortedError('the run was stopped'));
  signal?.addEventListener('abort', onAbort, { once: true });

  async function close(reason: Error = new WorkerError('the model was closed')): Promise<void> {
    closing = true;
    signal?.removeEventListener('abort', onAbort);
    failAll(reason);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await ended;
    clearTimeout(kill);
  }

  return {
    pid: child.pid ?? 0,
    close,
    ask(request: OpenRequest | InferRequest): Promise<never> {
      if (failure !== null) return Promise.reject(failure);
      const id = nextId++;
      const job = withResolvers<never>();
      pending.set(id, job);
      child.send({ id, ...request }, (error) => {
        if (error === null) return;
        // A child that dies can be found out here before its exit, which knows why.
        const late = setTimeout(() => job.reject(new WorkerError(error.message, { cause: error })), GRACE_MS);
        void ended.then(() => clearTimeout(late));
      });
      return job.promise;
    },
  };
}

function forkChild(env: Readonly<Record<string, string>> | undefined): ChildProcess {
  // From source (the tests) the child is TypeScript too and needs the same loader.
  const extension = extname(import.meta.url);
  const path = fileURLToPath(new URL(`./child${extension}`, import.meta.url));
  return fork(path, {
    serialization: 'advanced',
    execArgv: [...NODE_FLAGS, ...(extension === '.ts' ? ['--import', 'tsx'] : [])],
    env: { ...ALLOCATOR, ...process.env, ...env },
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
