import type { ByteSource } from '../../src/core/ports.ts';
import { assertRange } from '../../src/io/file-source.ts';

/** Bytes in memory as a source that remembers its reads; `fault` may change or refuse what a read gives. */
export function memorySource(
  bytes: Uint8Array,
  fault: (offset: number, data: Uint8Array) => Uint8Array = (_, data) => data,
) {
  const reads: { offset: number; length: number }[] = [];
  const source: ByteSource & { readonly reads: typeof reads; closed: boolean } = {
    url: 'memory.tif',
    sizeBytes: bytes.length,
    modifiedMs: null,
    version: null,
    get stats() {
      return { requests: reads.length, bytes: 0, retries: 0, cacheHits: 0 };
    },
    reads,
    closed: false,
    async read(offset, length) {
      assertRange('memory.tif', offset, length, bytes.length);
      reads.push({ offset, length });
      return fault(offset, bytes.slice(offset, offset + length));
    },
    async close() {
      source.closed = true;
    },
  };
  return source;
}
