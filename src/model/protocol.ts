import type { ErrorData } from '../core/errors.ts';

/** What crosses the border between the run and its inference children. Typed arrays travel by structured clone. */

/** Where the network runs. Asking for a provider that is not installed is an error: there is no silent fallback. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

export interface OpenRequest {
  readonly kind: 'open';
  readonly dir: string;
  readonly provider: Provider;
  /** Number of the GPU, as CUDA counts those that it shows; 0 unless told. Only CUDA can choose. */
  readonly deviceId?: number;
  /** Threads inside one operator. */
  readonly threads: number;
  /** Windows that go through the local graph at once: always as many, whatever is asked for; 1 unless told. */
  readonly batch?: number;
  /** Whether each graph runs once, in the shape that it will run in, before anything is timed. */
  readonly warmUp?: boolean;
}

/** What a context encoder makes of a window: keys and values, as the local graph takes them. */
export interface LongFeatures {
  readonly keys: FeatureTensor;
  readonly values: FeatureTensor;
}

export interface FeatureTensor {
  readonly data: Float32Array;
  /** The first is 1: one window. */
  readonly dims: readonly number[];
}

/** One window of a request. */
export interface WindowRequest {
  /** uint8 RGB [window][window][3] */
  readonly local: Uint8Array;
  /** `null`: the features of this window are in its place from an earlier request. */
  readonly short: Uint8Array | null;
  /** Likewise; or what was made of it before. */
  readonly long: Uint8Array | LongFeatures | null;
  /** Places where features of the context windows are kept or taken from; 0 for both unless told. */
  readonly slots?: { readonly short: number; readonly long: number };
  /** Whether the answer is to hold what was made of the long window. */
  readonly giveLong?: boolean;
  /** How context windows go through their encoders; `each` and `each` unless told. */
  readonly encode?: EncodeModes;
}

/**
 * Context windows that come again are encoded each by itself (`each`), those that are seen once as many at a time as local
 * windows are (`together`); and a long window that all windows of a run see reaches the local graph once a batch (`one`).
 * It is settled for a whole run, since shapes decide how sums are rounded. Without batches all are the same.
 */
export interface EncodeModes {
  readonly short: 'each' | 'together';
  readonly long: 'each' | 'together' | 'one';
}

export interface InferRequest {
  readonly kind: 'infer';
  /** At most as many as the batch that the child was opened with. */
  readonly windows: readonly WindowRequest[];
}

export type ChildRequest = { readonly id: number } & (OpenRequest | InferRequest);

export interface OpenAnswer {
  readonly versions: { readonly onnxruntime: string };
  /** What warming up took; 0 without. */
  readonly warmUpMs: number;
}

/** Milliseconds inside each graph; `long` and `short` are next to 0 where features were still there. */
export type GraphTimes = Readonly<Record<'long' | 'short' | 'local', number>>;

export interface WindowAnswer {
  /** Raw scores, float32 [classes][window / scoreStride][window / scoreStride] */
  readonly scores: Float32Array;
  /** If it was asked for. */
  readonly long?: LongFeatures;
}

export interface BatchAnswer {
  readonly windows: readonly WindowAnswer[];
  readonly milliseconds: GraphTimes;
}

export interface InferAnswer extends WindowAnswer {
  /** Of a batch's, this window's part. */
  readonly milliseconds: GraphTimes;
}

export type ChildReply =
  | { readonly id: number; readonly ok: true; readonly value: OpenAnswer | BatchAnswer }
  | { readonly id: number; readonly ok: false; readonly error: ErrorData };
