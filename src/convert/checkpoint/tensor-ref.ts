import { FormatError } from '../../core/errors.ts';
import {
  describePickleValue,
  globalName,
  isPickleObject,
  type PickleObject,
  type PickleValue,
  sequenceItems,
} from './pickle-values.ts';
import type { TensorInfo } from './state-dict.ts';
import { ELEMENT_TYPES, type ElementType } from './storage-types.ts';

/** Where a tensor's elements lie: `span` elements from element `offset` of a storage hold all of them. */
export interface TensorRef extends TensorInfo {
  /** Name of the storage record under `data/`. */
  readonly storage: string;
  readonly offset: number;
  readonly strides: readonly number[];
  readonly span: number;
}

const REBUILD_TENSOR = new Set(['torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2']);
const REBUILD_UNTYPED = 'torch._utils._rebuild_tensor_v3';
const REBUILD_PARAMETER = new Set([
  'torch._utils._rebuild_parameter',
  'torch._utils._rebuild_parameter_with_state',
]);
const MAX_RANK = 16;

/** True for the calls by which torch pickles a tensor or parameter. */
export function isTensor(value: PickleObject): boolean {
  const name = value.kind === 'call' ? globalName(value) : null;
  return (
    name !== null && (REBUILD_TENSOR.has(name) || REBUILD_PARAMETER.has(name) || name === REBUILD_UNTYPED)
  );
}

/** Reads what torch would rebuild a tensor from. @throws FormatError that names `key` if it is not well formed. */
export function parseTensor(value: PickleObject, key: string, url: string): TensorRef {
  const fail = (detail: string): never => {
    throw new FormatError(
      `${url}: tensor ${key} cannot be read: ${detail}; refused, and nothing of it was run`,
      {
        url,
        what: key,
      },
    );
  };
  const args = (value.kind === 'call' ? sequenceItems(value.args) : null) ?? fail('it has no arguments');
  const name = globalName(value) ?? '';
  if (REBUILD_PARAMETER.has(name)) {
    const inner = args[0];
    // One level only: torch never wraps a parameter in a parameter.
    if (!isPickleObject(inner) || !isTensor(inner) || REBUILD_PARAMETER.has(globalName(inner) ?? ''))
      return fail(`its data is ${describePickleValue(inner)}`);
    return parseTensor(inner, key, url);
  }

  const [storage, offset, shapeValue, stridesValue] = args;
  const id = isPickleObject(storage) && storage.kind === 'persistent' ? sequenceItems(storage.id) : null;
  if (id === null || id[0] !== 'storage' || typeof id[2] !== 'string' || !isCount(id[4]))
    return fail(`its storage is ${describePickleValue(storage)}`);
  if (!/^[0-9]+$/.test(id[2])) return fail(`its storage is named ${JSON.stringify(id[2].slice(0, 40))}`);
  const typeName = globalName(name === REBUILD_UNTYPED ? args[6] : id[1]) ?? describePickleValue(id[1]);
  const type: ElementType =
    ELEMENT_TYPES.get(typeName) ?? fail(`its element type is ${typeName}, which is not supported`);

  const shape = counts(shapeValue) ?? fail('its shape is not a tuple of sizes');
  const strides = counts(stridesValue) ?? fail('its strides are not a tuple of counts');
  if (!isCount(offset)) return fail('its storage offset is not a count');
  if (shape.length !== strides.length || shape.length > MAX_RANK)
    return fail('its shape and strides disagree');
  const count = shape.reduce((product, n) => product * n, 1);
  const span = count === 0 ? 0 : 1 + shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, 0);
  // A storage may announce what it likes; overlapping strides could still ask for more elements than it has.
  const unit = name === REBUILD_UNTYPED ? 1 : id[4];
  if (!(offset + span <= Number.MAX_SAFE_INTEGER) || count > Math.max(span, 1))
    return fail(`shape [${shape}] with strides [${strides}] does not fit a storage`);
  if (name !== REBUILD_UNTYPED && offset + span > unit)
    return fail(`it reaches to element ${offset + span} of a storage of ${unit}`);
  return { shape, type, storage: id[2], offset, strides, span };
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function counts(value: PickleValue | undefined): number[] | null {
  const items = sequenceItems(value);
  return items?.every(isCount) ? [...items] : null;
}
