import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { serializeError } from '../core/errors.ts';
import type { BatchAnswer, ChildReply, OpenAnswer, OpenRequest } from './protocol.ts';
import { readModelManifest } from './read-manifest.ts';
import { openSessionSet, type SessionSet } from './session-set.ts';
import type { StagedBatch } from './stage-batch.ts';

/** What the inference child asks of its thread. */
export type SessionCall = { readonly id: number } & (
  | OpenRequest
  | { readonly kind: 'infer'; readonly staged: StagedBatch }
);

/** Entry point of the thread that runs an inference child's sessions, one call after the other. */

let sessions: SessionSet | null = null;

async function answer(call: SessionCall): Promise<OpenAnswer | BatchAnswer> {
  if (call.kind === 'infer') {
    if (sessions === null) throw new Error('asked to infer before a model was opened');
    return sessions.infer(call.staged);
  }
  sessions = await openSessionSet(call, await readModelManifest(call.dir, false));
  const started = performance.now();
  if (call.warmUp === true) await sessions.warmUp();
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return {
    versions: { onnxruntime: version },
    warmUpMs: call.warmUp === true ? performance.now() - started : 0,
  };
}

function buffersOf(value: OpenAnswer | BatchAnswer): ArrayBuffer[] {
  if (!('windows' in value)) return [];
  return value.windows.flatMap(({ scores, long }) =>
    [scores, ...(long ? [long.keys.data, long.values.data] : [])].map(({ buffer }) => buffer as ArrayBuffer),
  );
}

let queue: Promise<void> = Promise.resolve();
parentPort?.on('message', (call: SessionCall) => {
  queue = queue.then(async () => {
    try {
      const value = await answer(call);
      const reply: ChildReply = { id: call.id, ok: true, value };
      parentPort?.postMessage(reply, buffersOf(value));
    } catch (error) {
      const reply: ChildReply = { id: call.id, ok: false, error: serializeError(error) };
      parentPort?.postMessage(reply);
    }
  });
});
