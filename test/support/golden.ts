import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import type { PixelBlock } from '../../src/core/raster.ts';

/** The folder of golden vectors. */
export const GOLDEN = path.resolve('../shared/golden');

/** A binary array of a golden folder. */
export interface GoldenArray {
  readonly file: string;
  readonly shape: readonly number[];
  readonly gzip: boolean;
}

/** Reads a JSON file of the golden folder. */
export function readGoldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(path.join(GOLDEN, name), 'utf8')) as T;
}

/** Names of the files of a golden folder that end in `ending`. */
export function listGolden(folder: string, ending: string): string[] {
  return readdirSync(path.join(GOLDEN, folder))
    .filter((name) => name.endsWith(ending))
    .sort();
}

/** Bytes of a golden uint8 array, unpacked. */
export function readGoldenBytes(folder: string, array: GoldenArray): Uint8Array {
  const packed = readFileSync(path.join(GOLDEN, folder, array.file));
  return new Uint8Array(array.gzip ? gunzipSync(packed) : packed);
}

/** A golden scene as RGB. */
export async function readGoldenScene(name: string): Promise<PixelBlock> {
  const { data, info } = await sharp(path.join(GOLDEN, name))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, bands: info.channels, data: new Uint8Array(data) };
}
