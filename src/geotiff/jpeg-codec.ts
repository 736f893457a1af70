import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The compiled code of the decoder: threads share one, and what one of them has made faster of it. */
export type CompiledJpeg = object;

/** What this module uses of WebAssembly, which the types of Node leave out. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => CompiledJpeg;
  readonly Instance: new (module: CompiledJpeg, imports: object) => object;
};

interface Decoder {
  /** Memory of its own for a stream of this length. */
  getEncodedBuffer(length: number): Uint8ClampedArray;
  readHeader(): void;
  getFrameInfo(): { readonly width: number; readonly height: number; readonly componentCount: number };
  decode(): void;
  getDecodedBuffer(): Uint8ClampedArray;
}

type Factory = (settings: object) => Promise<{ readonly JPEGDecoder: new () => Decoder }>;

const PACKAGE = '@cornerstonejs/codec-libjpeg-turbo-8bit';

/** Larger pictures are libvips's: its calls are dear and its pixels cheap, and the memory of this decoder never shrinks. */
const MOST_BYTES = 1024 * 1024;

/** After so many streams that it refused, this decoder is not asked any more: each costs a new one. */
const MOST_REFUSALS = 16;

let compiled: CompiledJpeg | null = null;
let decoder: Promise<Decoder> | null = null;
let refusals = 0;

/** Whether {@link decodeSmallJpeg} takes such a picture. */
export function isSmallJpeg(width: number, height: number, samples: number): boolean {
  return (samples === 1 || samples === 3) && width * height * samples <= MOST_BYTES;
}

function compile(): CompiledJpeg {
  const { resolve } = createRequire(import.meta.url);
  compiled ??= new WebAssembly.Module(readFileSync(resolve(`${PACKAGE}/decodewasm`)));
  return compiled;
}

/** The compiled code, for another thread to {@link useCompiledJpeg}; `null` where it cannot be had, which decoding will say. */
export function shareCompiledJpeg(): CompiledJpeg | null {
  try {
    return compile();
  } catch {
    return null;
  }
}

/** Takes the code that another thread has compiled. */
export function useCompiledJpeg(code: CompiledJpeg): void {
  compiled = code;
}

/** Makes the decoder ready, so that the first block need not wait for it. */
export function loadJpeg(): Promise<Decoder> {
  decoder ??= startDecoder();
  return decoder;
}

async function startDecoder(): Promise<Decoder> {
  const factory = createRequire(import.meta.url)(`${PACKAGE}/decodewasmjs`) as Factory;
  const silent = () => {};
  const { JPEGDecoder } = await factory({
    print: silent,
    printErr: silent,
    instantiateWasm: (imports: object, done: (instance: object) => object) =>
      done(new WebAssembly.Instance(compile(), imports)),
  });
  return new JPEGDecoder();
}

/**
 * Decodes a JPEG with libjpeg-turbo as WebAssembly: pixels take longer than with libvips, but a call costs next to nothing.
 *
 * @param stream a whole JPEG, which tells whether its components are YCbCr
 * @param samples 1 or 3, see {@link isSmallJpeg}
 * @returns rows of `width * samples` bytes; `null` if it is not as told, or not flawless, and libvips should say how
 */
export async function decodeSmallJpeg(
  stream: Uint8Array,
  width: number,
  height: number,
  samples: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (refusals >= MOST_REFUSALS) return null;
  // Outside: an installation that lacks the decoder is no matter of the stream.
  const codec = await loadJpeg();
  try {
    unclamped(codec.getEncodedBuffer(stream.length)).set(stream);
    // Before it sets memory aside for what the stream says.
    codec.readHeader();
    const info = codec.getFrameInfo();
    if (info.width !== width || info.height !== height || info.componentCount !== samples) return null;
    codec.decode();
    return new Uint8Array(unclamped(codec.getDecodedBuffer()));
  } catch {
    // Its stack stays as it was where it threw: the next stream needs another.
    decoder = null;
    refusals++;
    return null;
  }
}

/** The same memory as plain bytes, which are copied as a whole: clamped ones are converted one by one. */
function unclamped({ buffer, byteOffset, length }: Uint8ClampedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}
