import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type OpenSourceOptions, openOptionalByteSource } from '../io/open-source.ts';
import type { FeatureTensor, LongFeatures } from '../model/protocol.ts';
import { identityOf } from '../pipeline/run-record.ts';
import type { LongStore } from '../pipeline/share-long.ts';
import type { ObjectStore } from './object-store.ts';
import type { PlanScene } from './plan-schema.ts';

/**
 * Features files: what the network's long-range encoder made of one far window, for all shards that see it. A header (JSON,
 * UTF-8, its length before it as uint32), keys and values as float32, all little endian, then the SHA-256 of all that.
 */

const CHECKSUM_BYTES = 32;
/** More than this of one scene's features is not put, so that a store does not fill with what is only a shortcut. */
const MOST_BYTES = 16 * 1024 ** 3;

const dims = z.array(z.number().int().positive()).min(1).max(6);
const headerSchema = z.strictObject({
  format: z.literal('frustum-long-features'),
  version: z.literal(1),
  maker: z.string(),
  window: z.string(),
  keys: dims,
  values: dims,
});

export interface LongStoreOptions {
  readonly store: ObjectStore;
  readonly scene: PlanScene;
  readonly threads: number;
  /** Windows that go through the network at once; 1 unless told. */
  readonly batch?: number;
  readonly versions: { readonly onnxruntime: string };
  readonly source: OpenSourceOptions;
}

/**
 * Opens the features of a scene's far windows, made by the same run's network with as many threads on the same runtime:
 * others round otherwise. What can't be read, or is not as it was put, counts as not there; what can't be put is not.
 */
export function openLongStore(options: LongStoreOptions): LongStore {
  const { store, scene, threads, batch = 1, versions, source } = options;
  const maker = identityOf({ run: scene.identity, threads, ...(batch > 1 && { batch }), ...versions });
  const folder = `shards/${scene.id}/long/${maker.slice(0, 16)}`;
  const keyOf = (window: string) => `${folder}/${window.replaceAll(',', '-')}.features`;
  let count = 0;
  const listed = store.list(folder).then(
    (keys) => {
      count = keys.length;
      return count > 0;
    },
    () => false,
  );
  return {
    begun: () => listed,
    async get(window) {
      try {
        const file = await openOptionalByteSource(store.urlOf(keyOf(window)), source);
        if (file === null) return null;
        try {
          return decodeFeatures(await file.read(0, file.sizeBytes, source.signal), maker, window);
        } finally {
          await file.close();
        }
      } catch {
        return null;
      }
    },
    async put(window, features) {
      await listed;
      const bytes = encodeFeatures(features, maker, window);
      if (++count * bytes.length > MOST_BYTES) return;
      const draft = await store.create(keyOf(window)).catch(() => null);
      try {
        await draft?.write(bytes);
        await draft?.commit(keyOf(window));
      } catch {
        await draft?.abort();
      }
    },
  };
}

/** A features file's bytes. */
export function encodeFeatures({ keys, values }: LongFeatures, maker: string, window: string): Buffer {
  const header = Buffer.from(
    JSON.stringify({
      format: 'frustum-long-features',
      version: 1,
      maker,
      window,
      keys: keys.dims,
      values: values.dims,
    }),
    'utf8',
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const body = Buffer.concat([length, header, bytesOf(keys), bytesOf(values)]);
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
}

/** Features of a file; `null` if they are not as this maker put them for this window. */
export function decodeFeatures(bytes: Uint8Array, maker: string, window: string): LongFeatures | null {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const body = all.subarray(0, Math.max(0, all.length - CHECKSUM_BYTES));
  if (!createHash('sha256').update(body).digest().equals(all.subarray(body.length))) return null;
  const start = 4 + body.readUInt32LE(0);
  const header = headerSchema.safeParse(JSON.parse(body.toString('utf8', 4, start)));
  if (!header.success || header.data.maker !== maker || header.data.window !== window) return null;
  const keys = tensorAt(body, start, header.data.keys);
  const values = tensorAt(body, start + keys.data.byteLength, header.data.values);
  return { keys, values };
}

function bytesOf({ data }: FeatureTensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/** A copy, since floats must be aligned. */
function tensorAt(body: Buffer, offset: number, shape: readonly number[]): FeatureTensor {
  const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
  bytesOf({ data, dims: shape }).set(body.subarray(offset, offset + data.byteLength));
  return { data, dims: shape };
}
