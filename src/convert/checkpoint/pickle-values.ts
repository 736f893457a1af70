/**
 * What a pickle builds, as inert data. Nothing here is ever called: a reduction stays a {@link PickleCall} that names
 * what Python would have called.
 */
export type PickleValue = null | boolean | number | bigint | string | Uint8Array | PickleObject;

export type PickleObject = PickleSequence | PickleDict | PickleGlobal | PickleCall | PicklePersistent;

export interface PickleSequence {
  readonly kind: 'list' | 'tuple' | 'set';
  readonly items: PickleValue[];
}

export interface PickleDict {
  readonly kind: 'dict';
  readonly entries: [key: PickleValue, value: PickleValue][];
}

/** `module.name`, an importable thing that was not imported. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

/** `callee(*args)` that was not called, with what would have been put into it afterwards. */
export interface PickleCall {
  readonly kind: 'call';
  readonly callee: PickleValue;
  readonly args: PickleValue;
  readonly items: PickleValue[];
  readonly entries: [key: PickleValue, value: PickleValue][];
}

/** A reference out of the pickle; torch writes its storages so. */
export interface PicklePersistent {
  readonly kind: 'persistent';
  readonly id: PickleValue;
}

/** True if `value` is a tagged object (not a scalar, string or bytes). */
export function isPickleObject(value: PickleValue | undefined): value is PickleObject {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

/** The dotted name of a global, or of what a call would have called; `null` for other values. */
export function globalName(value: PickleValue | undefined): string | null {
  if (!isPickleObject(value)) return null;
  if (value.kind === 'global') return value.name;
  return value.kind === 'call' ? globalName(value.callee) : null;
}

/** Entries of a dict, or of an OrderedDict (which pickles as a call that is filled afterwards); `null` for other values. */
export function dictEntries(
  value: PickleValue | undefined,
): readonly [key: PickleValue, value: PickleValue][] | null {
  if (!isPickleObject(value)) return null;
  if (value.kind === 'dict') return value.entries;
  return value.kind === 'call' && globalName(value.callee) === 'collections.OrderedDict'
    ? value.entries
    : null;
}

/** Items of a list or tuple; `null` for other values. */
export function sequenceItems(value: PickleValue | undefined): readonly PickleValue[] | null {
  return isPickleObject(value) && (value.kind === 'list' || value.kind === 'tuple') ? value.items : null;
}

/** One word for a value, for error messages. */
export function describePickleValue(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof Uint8Array) return 'bytes';
  if (!isPickleObject(value)) return `a ${typeof value}`;
  switch (value.kind) {
    case 'global':
      return `the Python object ${value.name}`;
    case 'call':
      return `the result of calling ${globalName(value.callee) ?? 'something that is no named object'}`;
    case 'persistent':
      return 'a bare storage';
    default:
      return `a ${value.kind}`;
  }
}
