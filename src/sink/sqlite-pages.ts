import type { AtomicFile } from '../io/atomic-file.ts';
import { ByteChunks, createWriteQueue } from './byte-chunks.ts';

/** Bytes of a page: few levels, and little room left over beside large geometries. */
export const PAGE_BYTES = 16384;
/** The page that lies here is never used: SQLite locks its bytes. */
const LOCK_PAGE = 0x40000000 / PAGE_BYTES + 1;
/** Where the file's head holds its size in pages. */
const PAGE_COUNT_AT = 28;

/** Pages behind those that SQLite made, written one after the other. */
export interface PageFile {
  /** Of the page that comes next. */
  readonly next: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Takes the next page. @returns where it begins in {@link bytes}, filled with zeros, until the next call */
  reserve(): number;
  /** Fills a page that is there already. */
  replace(number: number, page: Uint8Array): void;
  /** A promise to wait for if more is being written than may be. */
  settle(): Promise<void> | undefined;
  /** Waits until all is written, with the file's new size. @throws SourceError */
  finish(): Promise<void>;
}

/**
 * Appends pages to a database that nobody has open.
 * @param pageCount pages that it has
 * @param onFailure cleans up, before the failure is thrown
 */
export function openPageFile(file: AtomicFile, pageCount: number, onFailure: () => Promise<void>): PageFile {
  const queue = createWriteQueue(onFailure);
  let position = pageCount * PAGE_BYTES;
  const out = new ByteChunks((bytes) => {
    const at = position;
    position += bytes.length;
    return queue.add(file.writeAt(at, bytes));
  });
  let next = pageCount + 1;
  return {
    get next() {
      return next === LOCK_PAGE ? next + 1 : next;
    },
    get bytes() {
      return out.bytes;
    },
    get view() {
      return out.view;
    },
    reserve() {
      if (next === LOCK_PAGE) {
        out.reserve(PAGE_BYTES);
        next++;
      }
      next++;
      return out.reserve(PAGE_BYTES);
    },
    replace(number, page) {
      queue.add(file.writeAt((number - 1) * PAGE_BYTES, page.slice()));
    },
    settle: () => queue.settle(),
    async finish() {
      out.flush();
      const size = new Uint8Array(4);
      new DataView(size.buffer).setUint32(0, next - 1);
      queue.add(file.writeAt(PAGE_COUNT_AT, size));
      await queue.drain();
    },
  };
}
