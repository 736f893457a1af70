import { readFileSync } from 'node:fs';

/** The compiled code of the decoder: threads share one, and what one of them has made faster of it. */
export type CompiledJpeg = object;

/** What this module uses of WebAssembly, which the types of Node leave out. */
declare const WebAssembly: {
  readonly CompileError: new () => Error;
  readonly Module: new (code: Uint8Array) => CompiledJpeg;
  readonly Instance: new (module: CompiledJpeg, imports: object) => { readonly exports: unknown };
};

/** What jpeg/decode.c offers. */
interface Decoder {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Starts its C library. */
  _initialize(): void;
  room(bytes: number): number;
  decode(
    stream: number,
    length: number,
    width: number,
    height: number,
    samples: number,
    pixels: number,
  ): number;
}

/** Larger pictures are libvips's: its calls are dear and its pixels cheap, and the memory of this decoder never shrinks. */
const MOST_BYTES = 1024 * 1024;

/** No encoder makes so much of a picture of {@link MOST_BYTES}. */
const MOST_STREAM = 2 * MOST_BYTES;

/** In its memory the stream lies behind the pixels, and room for both is made in steps of this. */
const ROOM_STEP = 256 * 1024;

/** After so many streams that it refused, this decoder is not asked any more: each costs a new one. */
const MOST_REFUSALS = 16;

let compiled: CompiledJpeg | null = null;
let decoder: Decoder | null = null;
let refusals = 0;

/** Whether {@link decodeSmallJpeg} takes such a picture. */
export function isSmallJpeg(width: number, height: number, samples: number): boolean {
  return (samples === 1 || samples === 3) && width * height * samples <= MOST_BYTES;
}

function compile(): CompiledJpeg {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./jpeg/decode.wasm', import.meta.url)));
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

/**
 * Makes the decoder ready, so that the first block need not wait for it; `null` where the processor lacks its instructions, or
 * after too many refusals.
 */
export function loadJpeg(): Decoder | null {
  if (decoder !== null || refusals >= MOST_REFUSALS) return decoder;
  // Its C library could write messages, to files; libjpeg-turbo is told to write none.
  const none = () => {
    throw new Error('the JPEG decoder has no files');
  };
  const wasi = { fd_close: none, fd_seek: none, fd_write: none, proc_exit: none };
  try {
    const instance = new WebAssembly.Instance(compile(), { wasi_snapshot_preview1: wasi });
    decoder = instance.exports as Decoder;
    decoder._initialize();
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    refusals = MOST_REFUSALS;
  }
  return decoder;
}

/**
 * Decodes a JPEG with libjpeg-turbo as WebAssembly (jpeg/build.sh): pixels take longer than with libvips, but a call costs next
 * to nothing.
 *
 * @param stream a whole JPEG, which tells whether its components are YCbCr
 * @param samples 1 or 3, see {@link isSmallJpeg}
 * @returns rows of `width * samples` bytes; `null` if it is not as told, or not flawless, and libvips should say how
 * @throws Error of the file system if the decoder is missing
 */
export function decodeSmallJpeg(
  stream: Uint8Array,
  width: number,
  height: number,
  samples: number,
): Uint8Array<ArrayBuffer> | null {
  if (stream.length > MOST_STREAM) return null;
  const codec = loadJpeg();
  if (codec === null) return null;
  const size = width * height * samples;
  try {
    const room = codec.room(Math.ceil((size + stream.length) / ROOM_STEP) * ROOM_STEP);
    if (room === 0) return null;
    new Uint8Array(codec.memory.buffer, room + size, stream.length).set(stream);
    if (codec.decode(room + size, stream.length, width, height, samples, room) !== 0) return null;
    // Its memory may be another now.
    return new Uint8Array(codec.memory.buffer.slice(room, room + size));
  } catch {
    // It stays as it was where it stopped: the next stream needs another.
    decoder = null;
    refusals++;
    return null;
  }
}
