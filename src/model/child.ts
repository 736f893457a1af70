import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { serializeError } from '../core/errors.ts';
import type { ChildReply, ChildRequest } from './protocol.ts';
import { readModelManifest } from './read-manifest.ts';
import type { SessionCall } from './session-thread.ts';
import { buffersOf, stageBatch } from './stage-batch.ts';

/**
 * Entry point of an inference child: a forked process that owns one session set and answers requests one by one.
 * A process, because ending a thread inside a session aborts the whole process. Sessions block their thread while they run,
 * so they have one of their own: meanwhile this one takes the next request in and puts it ready.
 */

/** Bytes of a view and windows of a batch, once a model is open. */
let shape: { readonly viewBytes: number; readonly batch: number } | null = null;

const thread = startThread();
thread.on('message', (reply: ChildReply) => {
  if (process.connected) process.send?.(reply);
});
thread.on('error', (error) => {
  throw error;
});

async function pass(request: ChildRequest): Promise<void> {
  try {
    if (request.kind === 'open') {
      const { window } = await readModelManifest(request.dir, false);
      shape = { viewBytes: window * window * 3, batch: request.batch ?? 1 };
      thread.postMessage({ ...request } satisfies SessionCall);
      return;
    }
    if (shape === null) throw new Error('asked to infer before a model was opened');
    const staged = stageBatch(request.windows, shape.viewBytes, shape.batch);
    thread.postMessage({ id: request.id, kind: 'infer', staged } satisfies SessionCall, buffersOf(staged));
  } catch (error) {
    const reply: ChildReply = { id: request.id, ok: false, error: serializeError(error) };
    process.send?.(reply);
  }
}

function startThread(): Worker {
  const extension = extname(import.meta.url);
  const module = new URL(`./session-thread${extension}`, import.meta.url);
  // Flags of this process may mean nothing to a thread, and end it.
  const settings = { execArgv: [] as string[] };
  if (extension !== '.ts') return new Worker(module, settings);
  // From source (the tests) the thread is TypeScript too and needs the same loader.
  const loader = createRequire(import.meta.url).resolve('tsx/cjs/api');
  const entry = `require(${JSON.stringify(loader)}).register(); require(${JSON.stringify(fileURLToPath(module))})`;
  return new Worker(entry, { eval: true, ...settings });
}

let queue: Promise<void> = Promise.resolve();
process.on('message', (request: ChildRequest) => {
  queue = queue.then(() => pass(request));
});
// A terminal's Ctrl-C reaches the whole process group; the parent decides what is kept and when this process ends.
process.on('SIGINT', () => undefined);
// A plain exit would wait for the thread, and abort inside a session.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
