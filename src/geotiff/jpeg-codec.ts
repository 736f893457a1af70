import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The compiled code of the decoder: threads share one, and what one has made faster of it. */
export type CompiledJpeg = object;

/** What this module uses of WebAssembly, which the types of Node leave out. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => CompiledJpeg;
  readonly Instance: new (module: CompiledJpeg, imports: object) => object;
};

interface Decoder {
  getEncodedBuffer(length: number): Uint8Array;
  readHeader(): void;
  getFrameInfo(): { readonly width: number; readonly height: number; readonly componentCount: number };
  decode(): void;
  getDecodedBuffer(): Uint8Array;
}

type Factory = (settings: object) => Promise<{ readonly JPEGDecoder: new () => Decoder }>;

const PACKAGE = '@cornerstonejs/codec-libjpeg-turbo-8bit';

/**
 * Pictures up to this size are decoded here: its memory never shrinks, and beyond this libvips, whose calls are dear and whose
 * pixels are cheap, is as fast.
 */
const MOST_BYTES = 1024 * 1024;

let compiled: CompiledJpeg | null = null;
let decoder: Decoder | null = null;

/** Whether {@link decodeSmallJpeg} takes such a picture. */
export function isSmallJpeg(width: number, height: number, samples: number): boolean {
  return (samples === 1 || samples === 3) && width * height * samples <= MOST_BYTES;
}

/** The compiled code, for threads to {@link useCompiledJpeg}. */
export function compileJpeg(): CompiledJpeg {
  const { resolve } = createRequire(import.meta.url);
  compiled ??= new WebAssembly.Module(readFileSync(resolve(`${PACKAGE}/decodewasm`)));
  return compiled;
}

/** Takes the code that another thread has compiled. */
export function useCompiledJpeg(code: CompiledJpeg): void {
  compiled = code;
}

/** Makes the decoder ready, so that the first block need not wait for it. */
export async function loadJpeg(): Promise<Decoder> {
  const factory = createRequire(import.meta.url)(`${PACKAGE}/decodewasmjs`) as Factory;
  const silent = () => {};
  const { JPEGDecoder } = await factory({
    print: silent,
    printErr: silent,
    instantiateWasm: (imports: object, done: (instance: object) => object) =>
      done(new WebAssembly.Instance(compileJpeg(), imports)),
  });
  decoder = new JPEGDecoder();
  return decoder;
}

/**
 * Decodes a JPEG with libjpeg-turbo as WebAssembly: no faster than libvips, but a call costs next to nothing.
 *
 * @param stream a whole JPEG, which tells whether its components are YCbCr
 * @returns rows of `width * samples` bytes; `null` if it is not as told, or corrupt, and somebody else should say how
 */
export async function decodeSmallJpeg(
  stream: Uint8Array,
  width: number,
  height: number,
  samples: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const codec = decoder ?? (await loadJpeg());
  try {
    codec.getEncodedBuffer(stream.length).set(stream);
    // Before it sets memory aside for what the header says.
    codec.readHeader();
    const info = codec.getFrameInfo();
    if (info.width !== width || info.height !== height || info.componentCount !== samples) return null;
    codec.decode();
    return codec.getDecodedBuffer().slice() as Uint8Array<ArrayBuffer>;
  } catch {
    // What it throws leaves its stack as it was where it threw.
    decoder = null;
    return null;
  }
}
