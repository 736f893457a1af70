import { FormatError, ModelError, UnsupportedError } from '../../core/errors.ts';
import type { ByteSource } from '../../core/ports.ts';
import { readPickle } from './pickle.ts';
import { describePickleValue, dictEntries, isPickleObject, type PickleValue } from './pickle-values.ts';
import type { StateDict } from './state-dict.ts';
import { decodeElements, ELEMENT_BYTES, type Numbers } from './storage-types.ts';
import { isTensor, parseTensor, type TensorRef } from './tensor-ref.ts';
import { openZip, type ZipArchive, type ZipEntry } from './zip-archive.ts';

/** What `torch.save` wrote before version 1.6: a bare pickle (protocol 2) of this magic number, then more pickles. */
const LEGACY_MAGIC = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const MODULE_PREFIX = 'module.';

/**
 * Locates the state dict of a `torch.save` file: under `state_dict` as mmengine writes it, or bare; `module.` before every
 * key is taken off. Only the directory and the pickle are read here; tensors are read on demand.
 * @throws FormatError on anything that is not a sound checkpoint, or whose weights are not plain tensors;
 *   UnsupportedError on the container of PyTorch before 1.6.
 */
export async function openCheckpoint(source: ByteSource): Promise<StateDict> {
  await refuseOtherFormats(source);
  const zip = await openZip(source);
  const pickle = findPickle(zip);
  const root = pickle.name.slice(0, -'data.pkl'.length);
  await refuseBigEndian(zip, root);
  const refs = collectTensors(
    readPickle(await zip.read(pickle, 0, pickle.sizeBytes), source.url),
    source.url,
  );

  async function read(key: string): Promise<Numbers> {
    const ref = refs.get(key);
    if (ref === undefined) {
      throw new ModelError(`${source.url} has no tensor ${key}`, {
        tensor: key,
        expected: 'a tensor',
        actual: 'nothing',
      });
    }
    const entry = zip.entries.get(`${root}data/${ref.storage}`);
    const itemBytes = ELEMENT_BYTES[ref.type];
    if (entry === undefined || (ref.offset + ref.span) * itemBytes > entry.sizeBytes) {
      const there = entry === undefined ? 'there is no such record' : `it has ${entry.sizeBytes}`;
      throw new FormatError(
        `${source.url}: tensor ${key} needs ${(ref.offset + ref.span) * itemBytes} bytes of record data/${ref.storage}, ${there}; the file is damaged or incomplete`,
        { url: source.url, what: key },
      );
    }
    const bytes = await zip.read(entry, ref.offset * itemBytes, ref.span * itemBytes);
    return gatherStrided(decodeElements(bytes, ref.type), ref);
  }
  return { url: source.url, tensors: refs, read };
}

async function refuseOtherFormats(source: ByteSource): Promise<void> {
  const { url } = source;
  const head = await source.read(0, Math.min(64, source.sizeBytes));
  if (LEGACY_MAGIC.every((byte, i) => head[i] === byte)) {
    throw new UnsupportedError(
      `${url} is a legacy torch container (not a zip), as torch.save wrote it before PyTorch 1.6; ` +
        "load it once with a current PyTorch and save it again: torch.save(torch.load(path, weights_only=True, map_location='cpu'), new_path)",
      {
        feature: 'legacy torch container (not a zip)',
        hint: 'save it again with PyTorch 1.6 or newer',
      },
    );
  }
  if (head[0] === 0x50 && head[1] === 0x4b) return;
  const text = new TextDecoder('latin1').decode(head);
  const seen = text.startsWith('version https://git-lfs')
    ? 'a Git LFS pointer, not the file it points to: run `git lfs pull`'
    : /^\s*<(!doctype|html)/i.test(text)
      ? 'a web page: the download went wrong'
      : head.length === 0
        ? 'an empty file'
        : 'neither a zip nor a legacy torch file';
  throw new FormatError(
    `${url} is not a PyTorch checkpoint (expected a zip as torch.save writes it), got ${seen}`,
    {
      url,
      what: 'file header',
    },
  );
}

function findPickle(zip: ZipArchive): ZipEntry {
  const found = [...zip.entries.values()].filter((entry) => /^[^/]*\/?data\.pkl$/.test(entry.name));
  const [pickle] = found;
  if (pickle === undefined || found.length > 1) {
    const scripted = [...zip.entries.keys()].some((name) => name.includes('/code/'));
    throw new FormatError(
      `${zip.url} is a zip but not a checkpoint: expected one data.pkl in it, got ${found.length}${scripted ? ' (it looks like a TorchScript archive)' : ''}`,
      { url: zip.url, what: 'data.pkl' },
    );
  }
  return pickle;
}

async function refuseBigEndian(zip: ZipArchive, root: string): Promise<void> {
  const entry = zip.entries.get(`${root}byteorder`);
  if (entry === undefined || entry.sizeBytes > 16) return;
  const order = new TextDecoder().decode(await zip.read(entry, 0, entry.sizeBytes));
  if (order !== 'big') return;
  throw new UnsupportedError(`${zip.url} was written on a big-endian machine`, {
    feature: 'big-endian checkpoint',
    hint: 'load and save it again with PyTorch on a little-endian machine',
  });
}

function collectTensors(top: PickleValue, url: string): Map<string, TensorRef> {
  const nested = dictEntries(top)?.findLast(([key]) => key === 'state_dict')?.[1];
  const weights = nested ?? top;
  const entries = dictEntries(weights);
  if (entries === null) {
    throw new FormatError(
      `${url}: expected a dictionary of tensors (a state dict), got ${describePickleValue(weights)}; nothing of it was run`,
      { url, what: nested === undefined ? 'top of data.pkl' : 'state_dict' },
    );
  }
  const refs = new Map<string, TensorRef>();
  for (const [key, value] of entries) {
    if (typeof key !== 'string' || !isPickleObject(value) || !isTensor(value)) {
      throw new FormatError(
        `${url}: state dict entry ${typeof key === 'string' ? key : describePickleValue(key)} should be a tensor, got ${describePickleValue(value)}; refused, and nothing of it was run`,
        { url, what: typeof key === 'string' ? key : 'state_dict' },
      );
    }
    refs.set(key, parseTensor(value, key, url));
  }
  const prefixed = refs.size > 0 && [...refs.keys()].every((key) => key.startsWith(MODULE_PREFIX));
  return prefixed ? new Map([...refs].map(([key, ref]) => [key.slice(MODULE_PREFIX.length), ref])) : refs;
}

/** Row-major copy of a strided tensor; `span` elements from its first one are given. */
function gatherStrided(elements: Numbers, { shape, strides }: TensorRef): Numbers {
  const count = shape.reduce((product, n) => product * n, 1);
  let expected = 1;
  let contiguous = true;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis]! > 1 && strides[axis] !== expected) contiguous = false;
    expected *= shape[axis]!;
  }
  if (contiguous) return elements;
  const out = elements instanceof Float64Array ? new Float64Array(count) : new Float32Array(count);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    out[to] = elements[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
