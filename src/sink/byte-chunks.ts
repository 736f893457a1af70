const CHUNK_BYTES = 1 << 20;

/** Chunks that wait to be used again, at most. */
const SPARES = 4;

/** Binary records in chunks of about 1 MiB; full chunks are handed to `onChunk`, and used again when it is done with them. */
export class ByteChunks {
  /** The chunk at hand, valid until the next {@link reserve}. */
  bytes = new Uint8Array(CHUNK_BYTES);
  /** Little-endian formats all: a view on {@link bytes}. */
  view = new DataView(this.bytes.buffer);
  /** Bytes reserved so far, in all chunks. */
  position = 0;
  private at = 0;
  private readonly spares: Uint8Array<ArrayBuffer>[] = [];
  private readonly onChunk: (bytes: Uint8Array) => Promise<void>;

  constructor(onChunk: (bytes: Uint8Array) => Promise<void>) {
    this.onChunk = onChunk;
  }

  /**
   * Makes room for a record in one piece, of any size, filled with zeros.
   * @returns where it begins in {@link bytes}
   */
  reserve(sizeBytes: number): number {
    if (this.at + sizeBytes > this.bytes.length) this.next(Math.max(sizeBytes, CHUNK_BYTES));
    const start = this.at;
    this.at += sizeBytes;
    this.position += sizeBytes;
    return start;
  }

  append(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.bytes.set(bytes, start);
  }

  /** Hands out what is there. */
  flush(): void {
    if (this.at > 0) this.next(CHUNK_BYTES);
  }

  private next(sizeBytes: number): void {
    if (this.at > 0) this.handOn(this.bytes);
    this.bytes =
      (sizeBytes === CHUNK_BYTES ? this.spares.pop()?.fill(0) : undefined) ?? new Uint8Array(sizeBytes);
    this.view = new DataView(this.bytes.buffer);
    this.at = 0;
  }

  private handOn(chunk: Uint8Array<ArrayBuffer>): void {
    const keep = () => {
      if (chunk.length === CHUNK_BYTES && this.spares.length < SPARES) this.spares.push(chunk);
    };
    // A failure is for whoever waits for the write.
    this.onChunk(chunk.subarray(0, this.at)).then(keep, () => undefined);
  }
}

/** Whole numbers from 0 to 2^53, without the cost of a bigint. */
export function putUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 4294967296, true);
  view.setUint32(at + 4, Math.floor(value / 4294967296), true);
}

/** Writes on their way: memory is bounded by whoever waits for them. */
export interface WriteQueue {
  /** @returns the write itself */
  add(write: Promise<void>): Promise<void>;
  /** Waits for all that was added so far, if it is more than may be on its way; else `undefined`. */
  settle(): Promise<void> | undefined;
  /** Waits for all that was added so far. */
  drain(): Promise<void>;
}

/** Chunks that may be on their way while the next ones are filled. */
const IN_FLIGHT = 3;

/** @param onFailure cleans up, before the first failure is thrown. */
export function createWriteQueue(onFailure: () => Promise<void>): WriteQueue {
  let pending: Promise<void>[] = [];
  const drain = async () => {
    const writes = pending;
    pending = [];
    const failed = (await Promise.allSettled(writes)).find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await onFailure();
      throw failed.reason;
    }
  };
  return {
    add(write) {
      // Whoever settles sees the failure; until then it must not count as unhandled.
      write.catch(() => undefined);
      pending.push(write);
      return write;
    },
    settle: () => (pending.length <= IN_FLIGHT ? undefined : drain()),
    drain,
  };
}
