/** Pieces of pickles, put together by hand: what torch.save writes, and what an attacker would. */

const utf8 = (text: string) => Buffer.from(text, 'utf8');
const u32 = (n: number) => {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(n);
  return b;
};
const op = (code: string) => Buffer.from(code, 'latin1');

export const NONE = op('N');
export const FALSE = op('\x89');

/** A whole pickle of protocol 2. */
export const pickle = (value: Buffer) => Buffer.concat([op('\x80\x02'), value, op('.')]);
export const text = (value: string) => Buffer.concat([op('X'), u32(utf8(value).length), utf8(value)]);
export const global = (module: string, name: string) => op(`c${module}\n${name}\n`);
export const tuple = (...items: Buffer[]) => Buffer.concat([op('('), ...items, op('t')]);
export const list = (...items: Buffer[]) => Buffer.concat([op(']('), ...items, op('e')]);
export const call = (callee: Buffer, ...args: Buffer[]) => Buffer.concat([callee, tuple(...args), op('R')]);
export const build = (value: Buffer, state: Buffer) => Buffer.concat([value, state, op('b')]);
const setItems = (entries: readonly (readonly [Buffer, Buffer])[]) =>
  Buffer.concat([op('('), ...entries.flat(), op('u')]);
export const dict = (...entries: (readonly [Buffer, Buffer])[]) =>
  Buffer.concat([op('}'), setItems(entries)]);
export const orderedDict = (...entries: (readonly [Buffer, Buffer])[]) =>
  Buffer.concat([call(global('collections', 'OrderedDict')), setItems(entries)]);
export const persistent = (id: Buffer) => Buffer.concat([id, op('Q')]);

export function int(value: number): Buffer {
  if (value >= -(2 ** 31) && value < 2 ** 31) {
    const b = Buffer.alloc(5);
    b.write('J', 'latin1');
    b.writeInt32LE(value, 1);
    return b;
  }
  const b = Buffer.alloc(10);
  b.write('\x8a\x08', 'latin1');
  b.writeBigInt64LE(BigInt(value), 2);
  return b;
}

export interface TensorSpec {
  readonly storage: string;
  /** Elements in the storage. */
  readonly storageElements: number;
  readonly shape: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
  /** As in `torch FloatStorage`. */
  readonly storageClass?: string;
}

export function contiguousStrides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
}

/** `torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, False, OrderedDict())` */
export function tensor({ storage, storageElements, shape, ...rest }: TensorSpec): Buffer {
  const id = tuple(
    text('storage'),
    global('torch', rest.storageClass ?? 'FloatStorage'),
    text(storage),
    text('cpu'),
    int(storageElements),
  );
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    persistent(id),
    int(rest.offset ?? 0),
    tuple(...shape.map(int)),
    tuple(...(rest.strides ?? contiguousStrides(shape)).map(int)),
    FALSE,
    call(global('collections', 'OrderedDict')),
  );
}
