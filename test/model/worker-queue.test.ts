import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BatchAnswer, InferRequest, OpenRequest, WindowRequest } from '../../src/model/protocol.ts';
import { createWorkerQueue } from '../../src/model/worker-queue.ts';

const window = (tag: number): WindowRequest => ({ local: Uint8Array.of(tag), short: null, long: null });

/** A child that answers when it is told to, each window with its own tag. */
function fakeChild() {
  const asked: { request: InferRequest; answer: () => void; fail: (error: Error) => void }[] = [];
  let open = 0;
  let most = 0;
  return {
    asked,
    get most() {
      return most;
    },
    ask: ((request: InferRequest | OpenRequest) => {
      if (request.kind === 'open') throw new Error('opened twice');
      most = Math.max(most, ++open);
      return new Promise<BatchAnswer>((resolve, reject) => {
        asked.push({
          request,
          answer: () => {
            open--;
            resolve({
              windows: request.windows.map(({ local }) => ({ scores: Float32Array.of(local[0]!) })),
              milliseconds: { long: 1, short: 2, local: 3 },
            });
          },
          fail: (error) => {
            open--;
            reject(error);
          },
        });
      });
    }) as never,
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
const linger = () => new Promise((resolve) => setTimeout(resolve, 30));

describe('the queue of a worker', () => {
  it('has three batches under way, and the rest waits', async () => {
    const child = fakeChild();
    const queue = createWorkerQueue(child, 2);
    const answers = Array.from({ length: 10 }, (_, i) => queue.push(window(i)));
    expect(child.asked.map(({ request }) => request.windows.length)).toEqual([2, 2, 2]);
    expect(queue.waiting).toBe(10);
    child.asked[0]!.answer();
    await turn();
    expect(child.asked).toHaveLength(4);
    expect(queue.waiting).toBe(8);
    for (let i = 1; i < 5; i++) {
      child.asked[i]!.answer();
      await turn();
    }
    const scores = await Promise.all(answers);
    expect(scores.map(({ scores: [tag] }) => tag)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(scores[0]!.milliseconds).toEqual({ long: 0.5, short: 1, local: 1.5 });
    expect(queue.usage).toMatchObject({ windows: 10, batches: 5, busyMs: 30 });
    expect(queue.waiting).toBe(0);
    expect(child.most).toBe(3);
  });

  it('starts on a part of a batch only where there is nothing else to do', async () => {
    const child = fakeChild();
    const queue = createWorkerQueue(child, 4);
    const answers = [0, 1, 2, 3, 4].map((tag) => queue.push(window(tag)));
    await linger();
    expect(child.asked.map(({ request }) => request.windows.length)).toEqual([4]);
    child.asked[0]!.answer();
    await linger();
    expect(child.asked.map(({ request }) => request.windows.length)).toEqual([4, 1]);
    child.asked[1]!.answer();
    await Promise.all(answers);
  });

  it('asks for every window once and in order, whatever comes when', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom('come', 'answer', 'wait'), { maxLength: 25 }),
        async (batch, events) => {
          const child = fakeChild();
          const queue = createWorkerQueue(child, batch);
          const answers: Promise<unknown>[] = [];
          let answered = 0;
          for (const event of events) {
            if (event === 'come') answers.push(queue.push(window(answers.length)));
            else if (event === 'wait') await turn();
            else if (answered < child.asked.length) child.asked[answered++]!.answer();
          }
          for (let i = 0; queue.waiting > 0 && i < 100; i++) {
            if (answered < child.asked.length) child.asked[answered++]!.answer();
            else await linger();
            await turn();
          }
          await Promise.all(answers);
          const sent = child.asked.flatMap(({ request }) => request.windows.map(({ local }) => local[0]));
          expect(sent).toEqual(answers.map((_, i) => i));
          expect(child.most).toBeLessThanOrEqual(3);
        },
      ),
      { numRuns: 30 },
    ));

  it('rejects the windows of a batch that failed, and no others', async () => {
    const child = fakeChild();
    const queue = createWorkerQueue(child, 2);
    const answers = [0, 1, 2, 3].map((tag) => queue.push(window(tag)));
    const settled = Promise.allSettled(answers);
    child.asked[0]!.fail(new Error('died in the middle'));
    child.asked[1]!.answer();
    expect((await settled).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(queue.waiting).toBe(0);
  });
});
