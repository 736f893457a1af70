import { closeSync, openSync, writeSync } from 'node:fs';

/** A benchmark raster: the strongest of `kinds` smooth noises a pixel, with a share of pixels replaced at random. */
export interface NoiseSpec {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly kinds: number;
  /** Pixels between lattice points; 1 is pure noise. */
  readonly cell: number;
  /** Share of pixels that are replaced by a random class. */
  readonly speckle: number;
}

function hash(a: number, b: number, c: number): number {
  let h = Math.imul(a, 374761393) ^ Math.imul(b, 668265263) ^ Math.imul(c, 1274126177);
  h = Math.imul(h ^ (h >>> 13), 1274126177);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}

/** The raster's rows, one after the other in one buffer. The same bytes for the same spec. */
export function* noiseRows(spec: NoiseSpec): Generator<Uint8Array> {
  const { width, height, kinds, cell, speckle } = spec;
  const columns = Math.ceil(width / cell) + 2;
  const lattice = (row: number) =>
    Array.from({ length: kinds }, (_, k) =>
      Float32Array.from({ length: columns }, (_, i) => hash(i, row, k)),
    );
  let above = lattice(0);
  let below = lattice(1);
  const row = new Uint8Array(width);
  for (let y = 0; y < height; y++) {
    if (y > 0 && y % cell === 0) {
      above = below;
      below = lattice(y / cell + 1);
    }
    const v = (y % cell) / cell;
    for (let x = 0; x < width; x++) {
      const i = Math.floor(x / cell);
      const u = (x % cell) / cell;
      let best = -1;
      for (let k = 0; k < kinds; k++) {
        const [a, b] = [above[k]!, below[k]!];
        const value = (a[i]! * (1 - u) + a[i + 1]! * u) * (1 - v) + (b[i]! * (1 - u) + b[i + 1]! * u) * v;
        if (value > best) {
          best = value;
          row[x] = k;
        }
      }
      if (speckle > 0 && hash(x, y, 77) < speckle) row[x] = Math.floor(hash(x, y, 78) * kinds);
    }
    yield row;
  }
}

/** Writes the raster as raw bytes with an ENVI header, which GDAL reads as it stands. */
export function writeClassNoise(path: string, spec: NoiseSpec): void {
  const { width, height } = spec;
  const file = openSync(path, 'w');
  for (const row of noiseRows(spec)) writeSync(file, row);
  closeSync(file);
  const header = `ENVI\nsamples = ${width}\nlines = ${height}\nbands = 1\nheader offset = 0\nfile type = ENVI Standard\ndata type = 1\ninterleave = bsq\nbyte order = 0\n`;
  const side = openSync(`${path}.hdr`, 'w');
  writeSync(side, header);
  closeSync(side);
}
