import { openAtomicFile } from '../io/atomic-file.ts';

/** A text output under way; see {@link openTextSink}. */
export interface TextSink {
  /** Absolute. */
  readonly path: string;
  finish(): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/**
 * A file whose content is known from the beginning, as an output that appears together with others. Text is stored as
 * UTF-8.
 * @throws SourceError
 */
export async function openTextSink(path: string, text: string): Promise<TextSink> {
  const file = await openAtomicFile(path);
  try {
    await file.write(Buffer.from(text, 'utf8'));
  } catch (error) {
    await file.abort();
    throw error;
  }
  return { path: file.path, finish: file.flush, close: file.commit, abort: file.abort };
}
