import type { AtomicFile } from '../io/atomic-file.ts';

/**
 * What ends a sink's file: does `build` once, however often it is called, and waits until all is on the disk.
 * @param fail cleans up, and throws what people are told
 */
export function finishOnce(
  file: AtomicFile,
  build: () => Promise<void>,
  fail: (error: unknown) => Promise<never>,
): () => Promise<void> {
  let built: Promise<void> | null = null;
  return async () => {
    built ??= build();
    try {
      await built;
      await file.flush();
    } catch (error) {
      await fail(error);
    }
  };
}
