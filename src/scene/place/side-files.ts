import { SourceError } from '../../core/errors.ts';
import type { OpenSourceOptions } from '../../io/open-source.ts';
import { openOptionalByteSource } from '../../io/open-source.ts';
import { localPathOf, schemeOf, withoutSecrets } from '../../io/urls.ts';

/** A side file that is there. */
export interface SideFile {
  /** Without query, user and password. */
  readonly url: string;
  readonly text: string;
}

/** Names of side files by what they hold, in the order in which the first one found is taken. */
export interface SideFileNames {
  readonly auxXml: readonly string[];
  readonly worldFile: readonly string[];
  readonly rpc: readonly string[];
}

/**
 * The side files that GDAL looks for beside a TIFF, lower and upper case; `null` where names cannot be made: a URL with a
 * query may be signed, and its signature holds for the one file.
 */
export function nameSideFiles(url: string): SideFileNames | null {
  const remote = localPathOf(url) === null;
  if (remote && schemeOf(url) !== 's3' && /[?#]/.test(url)) return null;
  const match = /\.([^./\\]+)$/.exec(url);
  const base = match === null ? url : url.slice(0, match.index);
  const ending = match?.[1] ?? 'tif';
  const world = [
    ...new Set([`${ending[0]}${ending.at(-1)}w`, `${ending}w`, 'tfw', 'wld'].map((e) => e.toLowerCase())),
  ];
  return {
    auxXml: [`${url}.aux.xml`],
    worldFile: world.flatMap((e) => [`${base}.${e}`, `${base}.${e.toUpperCase()}`]),
    rpc: [`${base}.RPB`, `${base}.rpb`, `${base}_RPC.TXT`, `${base}_rpc.txt`],
  };
}

/** Reads the first of `names` that is there; `null` if none is. Remote ones are asked for side by side. */
export async function readSideFile(
  names: readonly string[],
  mostBytes: number,
  options: OpenSourceOptions,
): Promise<SideFile | null> {
  const found = names.map((name) => () => readOptional(name, mostBytes, options));
  if (names[0] !== undefined && localPathOf(names[0]) === null) {
    return (await Promise.all(found.map((read) => read()))).find((file) => file !== null) ?? null;
  }
  for (const read of found) {
    const file = await read();
    if (file !== null) return file;
  }
  return null;
}

async function readOptional(
  url: string,
  mostBytes: number,
  options: OpenSourceOptions,
): Promise<SideFile | null> {
  const name = withoutSecrets(url);
  const source = await openOptionalByteSource(url, options);
  if (source === null) return null;
  try {
    if (source.sizeBytes > mostBytes) {
      throw new SourceError(
        `${name} has ${source.sizeBytes} bytes; a side file of its kind has at most ${mostBytes}: rename it if it belongs to something else`,
        { url: name },
      );
    }
    const bytes = await source.read(0, source.sizeBytes, options.signal);
    const text = decode(bytes);
    // Some web servers answer with a page where there is no such file.
    if (localPathOf(url) === null && /^\s*<(!doctype\s+html|html)\b/i.test(text)) return null;
    return { url: name, text };
  } finally {
    await source.close();
  }
}

/** UTF-8 (with or without its mark), UTF-16 where a mark says so, else Latin-1. */
function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('latin1').decode(bytes);
  }
}
