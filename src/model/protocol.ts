import type { ErrorData } from '../core/errors.ts';

/** What crosses the border between the run and its inference child. Typed arrays travel by structured clone. */

/** Where the network runs. Asking for a provider that is not installed is an error: there is no silent fallback. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

export interface OpenRequest {
  readonly kind: 'open';
  readonly dir: string;
  readonly provider: Provider;
  /** Threads inside one operator. */
  readonly threads: number;
}

/** What the long-range encoder makes of a window: keys and values, as the local graph takes them. */
export interface LongFeatures {
  readonly keys: FeatureTensor;
  readonly values: FeatureTensor;
}

export interface FeatureTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export interface InferRequest {
  readonly kind: 'infer';
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
}

export type ChildRequest = { readonly id: number } & (OpenRequest | InferRequest);

export interface OpenAnswer {
  readonly versions: { readonly onnxruntime: string };
}

export interface InferAnswer {
  /** Raw scores, float32 [classes][window / scoreStride][window / scoreStride] */
  readonly scores: Float32Array;
  /** Milliseconds inside each graph; `long` and `short` are next to 0 where their features were still there. */
  readonly milliseconds: { readonly long: number; readonly short: number; readonly local: number };
  /** If it was asked for, and is of 32-bit floats. */
  readonly long?: LongFeatures;
}

export type ChildReply =
  | { readonly id: number; readonly ok: true; readonly value: OpenAnswer | InferAnswer }
  | { readonly id: number; readonly ok: false; readonly error: ErrorData };
