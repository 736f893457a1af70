import { FormatError } from '../../core/errors.ts';
import type { PickleCall, PickleValue } from './pickle-values.ts';

/**
 * A restricted pickle machine: protocols 2 to 5, no imports, no calls. Globals, reductions and persistent ids become
 * inert values (see pickle-values.ts), so a hostile pickle can do no more than be read. Opcode numbers and meanings as in
 * CPython's `pickletools`.
 */

/** Largest pickle accepted. The pickle of a full training checkpoint of SFR-Net is a few megabytes. */
export const MAX_PICKLE_BYTES = 256 << 20;
const MAX_OPCODES = 8_000_000;
const MAX_STACK = 1_000_000;
const MAX_MEMO = 4_000_000;
/** Longer integers would make a BigInt conversion slow; torch writes at most 10 bytes. */
const MAX_INTEGER_BYTES = 64;

/**
 * Globals that serve no purpose in a checkpoint other than to run code on the machine that loads it. A file that names
 * one is refused wherever it stands, although nothing would be run: its reader should know what it is.
 */
const HOSTILE_MODULES =
  /^(os|posix|nt|subprocess|sys|socket|shutil|pty|ctypes|importlib|runpy|code|commands|webbrowser)(\.|$)/;
const HOSTILE_BUILTINS =
  /^(__builtin__|builtins)\.(eval|exec|execfile|compile|open|file|input|__import__|apply)$/;

const MARK = Symbol('mark');
type Slot = PickleValue | typeof MARK;

/**
 * Runs a pickle to its STOP and returns its value. `url` names the file in errors.
 * @throws FormatError if it is cut short, malformed, beyond the bounds above, or names a global whose only use is an attack.
 */
export function readPickle(bytes: Uint8Array, url: string): PickleValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder();
  const stack: Slot[] = [];
  const memo = new Map<number, PickleValue>();
  let at = 0;

  const fail = (detail: string): never => {
    throw new FormatError(
      `${url}: the pickle in this checkpoint is broken at byte ${at}: ${detail}; the file is damaged or was not written by torch.save`,
      { url, what: `data.pkl byte ${at}` },
    );
  };
  if (bytes.length > MAX_PICKLE_BYTES)
    fail(`${bytes.length} bytes are more than the ${MAX_PICKLE_BYTES} accepted`);

  /** Moves past `length` bytes and returns where they start. */
  const take = (length: number): number => {
    if (!(at + length <= bytes.length)) return fail('it ends within a value');
    const start = at;
    at += length;
    return start;
  };
  const takeLong = (): number => {
    const length = view.getBigUint64(take(8), true);
    return length > BigInt(bytes.length) ? fail('a value is longer than the pickle') : Number(length);
  };
  const takeBytes = (length: number): Uint8Array => {
    const start = take(length);
    return new Uint8Array(bytes.subarray(start, start + length));
  };
  const takeText = (length: number): string => {
    const start = take(length);
    return utf8.decode(bytes.subarray(start, start + length));
  };
  const takeLine = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0) return fail('a line does not end');
    const line = utf8.decode(bytes.subarray(at, end));
    at = end + 1;
    return line;
  };
  const takeInteger = (length: number): number | bigint => {
    if (length > MAX_INTEGER_BYTES) return fail(`an integer of ${length} bytes`);
    const start = take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[start + i]!);
    value = BigInt.asIntN(8 * length, value);
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  };

  const push = (value: Slot): void => {
    if (stack.length >= MAX_STACK) fail('its stack grows beyond bounds');
    stack.push(value);
  };
  const pop = (): PickleValue => {
    const value = stack.pop();
    return value === undefined || value === MARK ? fail('a value is missing on its stack') : value;
  };
  const top = (): PickleValue => {
    const value = stack.at(-1);
    return value === undefined || value === MARK ? fail('a value is missing on its stack') : value;
  };
  const popToMark = (): PickleValue[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) return fail('a mark is missing on its stack');
    const items = stack.splice(mark + 1) as PickleValue[];
    stack.pop();
    return items;
  };
  const popText = (): string => {
    const value = pop();
    return typeof value === 'string' ? value : fail('a name is not a string');
  };
  const memoize = (key: number): void => {
    if (memo.size >= MAX_MEMO) fail('its memo grows beyond bounds');
    memo.set(key, top());
  };
  const recall = (key: number): PickleValue => {
    const value = memo.get(key);
    return value === undefined ? fail(`memo ${key} is used before it is set`) : value;
  };

  const pushGlobal = (module: string, name: string): void => {
    const full = `${module}.${name}`;
    if (HOSTILE_MODULES.test(full) || HOSTILE_BUILTINS.test(full)) {
      throw new FormatError(
        `${url} names the Python object ${full}, which has no place in a checkpoint and would run code in a program that unpickles it; refused, and nothing was run. Do not load this file elsewhere`,
        { url, what: full },
      );
    }
    push({ kind: 'global', name: full });
  };
  const pushCall = (callee: PickleValue, args: PickleValue): void =>
    push({ kind: 'call', callee, args, items: [], entries: [] });
  const appendItems = (added: readonly PickleValue[]): void => {
    const { items } = (top() ?? {}) as { items?: PickleValue[] };
    if (items === undefined) fail('items are added to something that is no collection');
    else for (const item of added) items.push(item);
  };
  const setEntries = (flat: readonly PickleValue[]): void => {
    if (flat.length % 2 !== 0) fail('a key has no value');
    const { entries } = (top() ?? {}) as Partial<PickleCall>;
    if (entries === undefined) fail('entries are set on something that is no dictionary');
    else for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, flat[i + 1]!]);
  };

  for (let opcodes = 0; opcodes < MAX_OPCODES; opcodes++) {
    const opcode = bytes[take(1)]!;
    switch (opcode) {
      case 0x80: {
        const protocol = bytes[take(1)]!;
        if (protocol > 5) fail(`protocol ${protocol} is unknown`);
        break;
      }
      case 0x95: // FRAME: a length that only helps buffered readers
        take(8);
        break;
      case 0x2e: {
        // STOP
        const value = pop();
        return stack.length > 0 ? fail('values are left on its stack') : value;
      }
      case 0x28: // MARK
        push(MARK);
        break;
      case 0x30: // POP
        if (stack.pop() === undefined) fail('a value is missing on its stack');
        break;
      case 0x31: // POP_MARK
        popToMark();
        break;
      case 0x32: // DUP
        push(top());
        break;

      case 0x4e: // NONE
        push(null);
        break;
      case 0x88: // NEWTRUE
        push(true);
        break;
      case 0x89: // NEWFALSE
        push(false);
        break;
      case 0x4b: // BININT1
        push(bytes[take(1)]!);
        break;
      case 0x4d: // BININT2
        push(view.getUint16(take(2), true));
        break;
      case 0x4a: // BININT
        push(view.getInt32(take(4), true));
        break;
      case 0x8a: // LONG1
        push(takeInteger(bytes[take(1)]!));
        break;
      case 0x8b: // LONG4
        push(takeInteger(view.getUint32(take(4), true)));
        break;
      case 0x47: // BINFLOAT
        push(view.getFloat64(take(8), false));
        break;

      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING
        push(takeText(bytes[take(1)]!));
        break;
      case 0x58: // BINUNICODE
      case 0x54: // BINSTRING
        push(takeText(view.getUint32(take(4), true)));
        break;
      case 0x8d: // BINUNICODE8
        push(takeText(takeLong()));
        break;
      case 0x43: // SHORT_BINBYTES
        push(takeBytes(bytes[take(1)]!));
        break;
      case 0x42: // BINBYTES
        push(takeBytes(view.getUint32(take(4), true)));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        push(takeBytes(takeLong()));
        break;

      case 0x5d: // EMPTY_LIST
        push({ kind: 'list', items: [] });
        break;
      case 0x29: // EMPTY_TUPLE
        push({ kind: 'tuple', items: [] });
        break;
      case 0x8f: // EMPTY_SET
        push({ kind: 'set', items: [] });
        break;
      case 0x7d: // EMPTY_DICT
        push({ kind: 'dict', entries: [] });
        break;
      case 0x6c: // LIST
        push({ kind: 'list', items: popToMark() });
        break;
      case 0x74: // TUPLE
        push({ kind: 'tuple', items: popToMark() });
        break;
      case 0x91: // FROZENSET
        push({ kind: 'set', items: popToMark() });
        break;
      case 0x64: {
        // DICT
        const flat = popToMark();
        push({ kind: 'dict', entries: [] });
        setEntries(flat);
        break;
      }
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: {
        // TUPLE3
        const items = Array.from({ length: opcode - 0x84 }, pop).reverse();
        push({ kind: 'tuple', items });
        break;
      }
      case 0x61: // APPEND
        appendItems([pop()]);
        break;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        appendItems(popToMark());
        break;
      case 0x73: {
        // SETITEM
        const value = pop();
        setEntries([pop(), value]);
        break;
      }
      case 0x75: // SETITEMS
        setEntries(popToMark());
        break;

      case 0x71: // BINPUT
        memoize(bytes[take(1)]!);
        break;
      case 0x72: // LONG_BINPUT
        memoize(view.getUint32(take(4), true));
        break;
      case 0x94: // MEMOIZE
        memoize(memo.size);
        break;
      case 0x68: // BINGET
        push(recall(bytes[take(1)]!));
        break;
      case 0x6a: // LONG_BINGET
        push(recall(view.getUint32(take(4), true)));
        break;

      case 0x63: {
        // GLOBAL
        const module = takeLine();
        pushGlobal(module, takeLine());
        break;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = popText();
        pushGlobal(popText(), name);
        break;
      }
      case 0x69: {
        // INST
        const module = takeLine();
        const name = takeLine();
        const args: PickleValue = { kind: 'tuple', items: popToMark() };
        pushGlobal(module, name);
        pushCall(pop(), args);
        break;
      }
      case 0x6f: {
        // OBJ
        const [callee, ...items] = popToMark();
        if (callee === undefined) fail('an object has no class');
        else pushCall(callee, { kind: 'tuple', items });
        break;
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = pop();
        pushCall(pop(), args);
        break;
      }
      case 0x92: {
        // NEWOBJ_EX
        pop();
        const args = pop();
        pushCall(pop(), args);
        break;
      }
      case 0x62: // BUILD: the state of an object that is not built (the module versions on a state dict)
        pop();
        top();
        break;
      case 0x51: // BINPERSID
        push({ kind: 'persistent', id: pop() });
        break;

      default:
        fail(`opcode 0x${opcode.toString(16).padStart(2, '0')} does not occur in checkpoints`);
    }
  }
  return fail(`more than ${MAX_OPCODES} steps`);
}
