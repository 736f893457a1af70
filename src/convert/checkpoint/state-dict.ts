import type { ElementType, Numbers } from './storage-types.ts';

/** Shape (row-major, outermost first) and stored element type of one tensor. */
export interface TensorInfo {
  readonly shape: readonly number[];
  readonly type: ElementType;
}

/** The named tensors of a network, readable one at a time. */
export interface StateDict {
  /** Names the file in errors. */
  readonly url: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * All elements of a tensor in row-major order, whatever its strides in the file.
   * @throws ModelError if there is no such tensor, FormatError if its bytes are damaged.
   */
  read(key: string): Promise<Numbers>;
}
