/**
 * Maps items one after another while working up to `depth` items ahead of the consumer; results come in the items'
 * order. `work` is started in order too.
 */
export async function* mapAhead<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  depth: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const started: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      // A failure is thrown where its turn comes; until then it must not count as unhandled.
      result.then(undefined, () => undefined);
      started.push(result);
      if (started.length > depth) yield await started.shift()!;
    }
    while (started.length > 0) yield await started.shift()!;
  } finally {
    await Promise.allSettled(started);
  }
}
