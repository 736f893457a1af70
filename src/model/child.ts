import { createRequire } from 'node:module';
import { serializeError } from '../core/errors.ts';
import type { ChildReply, ChildRequest } from './protocol.ts';
import { readModelManifest } from './read-manifest.ts';
import { openSessionSet, type SessionSet } from './session-set.ts';

/**
 * Entry point of the inference child: a forked process that owns one session set and answers requests one by one.
 * A process, not a thread: sessions block while they run, and ending a thread inside one aborts the whole process.
 */

let sessions: SessionSet | null = null;

async function answer(request: ChildRequest): Promise<ChildReply> {
  try {
    if (request.kind === 'open') {
      sessions = await openSessionSet(request, await readModelManifest(request.dir, false));
      const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as {
        version: string;
      };
      return { id: request.id, ok: true, value: { versions: { onnxruntime: version } } };
    }
    if (sessions === null) throw new Error('asked to infer before a model was opened');
    return { id: request.id, ok: true, value: await sessions.infer(request) };
  } catch (error) {
    return { id: request.id, ok: false, error: serializeError(error) };
  }
}

// Requests queue up while a session runs; they are answered in order.
let queue: Promise<void> = Promise.resolve();
process.on('message', (request: ChildRequest) => {
  queue = queue.then(async () => {
    const reply = await answer(request);
    if (process.connected) process.send?.(reply);
  });
});
// A terminal's Ctrl-C reaches the whole process group; the parent decides what is kept and when this process ends.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
