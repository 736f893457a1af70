import { type Raster, randomRaster, rasterOf, seeded } from './oracle.ts';

/** A maze: corridors of class 0 carved through class 1 by a random walk that never closes a circle. */
export function maze(seed: number, cells: number): Raster {
  const random = seeded(seed);
  const size = 2 * cells + 1;
  const classes = new Uint8Array(size * size).fill(1);
  const stack: [number, number][] = [[1, 1]];
  classes[size + 1] = 0;
  while (stack.length > 0) {
    const [x, y] = stack.at(-1)!;
    const ways = [
      [2, 0],
      [-2, 0],
      [0, 2],
      [0, -2],
    ].filter(([dx, dy]) => classes[(y + dy!) * size + x + dx!] === 1 && x + dx! > 0 && x + dx! < size);
    const way = ways[Math.floor(random() * ways.length)];
    if (way === undefined) {
      stack.pop();
      continue;
    }
    classes[(y + way[1]! / 2) * size + x + way[0]! / 2] = 0;
    classes[(y + way[1]!) * size + x + way[0]!] = 0;
    stack.push([x + way[0]!, y + way[1]!]);
  }
  return { width: size, height: size, classes };
}

/** A spiral of one class through another, one pixel wide. */
export function spiral(size: number): Raster {
  const classes = new Uint8Array(size * size);
  let [x, y, dx, dy] = [0, 1, 1, 0];
  let [left, top, right, bottom] = [0, 1, size - 1, size - 1];
  for (let n = 0; n < size * size && left <= right && top <= bottom; n++) {
    classes[y * size + x] = 1;
    const atEnd =
      (dx === 1 && x === right) ||
      (dy === 1 && y === bottom) ||
      (dx === -1 && x === left) ||
      (dy === -1 && y === top);
    if (atEnd) {
      if (dx === 1) top += 2;
      else if (dy === 1) right -= 2;
      else if (dx === -1) bottom -= 2;
      else left += 2;
      [dx, dy] = [-dy, dx];
    }
    x += dx;
    y += dy;
  }
  return { width: size, height: size, classes };
}

/** Squares within squares, `step` pixels apart. */
export function nest(size: number, step: number, kinds: number): Raster {
  const classes = Uint8Array.from({ length: size * size }, (_, p) => {
    const x = p % size;
    const y = (p - x) / size;
    return Math.floor(Math.min(x, y, size - 1 - x, size - 1 - y) / step) % kinds;
  });
  return { width: size, height: size, classes };
}

/** Overlapping discs of random classes: what a map looks like. */
export function blobs(seed: number, size: number, kinds: number, count: number): Raster {
  const random = seeded(seed);
  const classes = new Uint8Array(size * size);
  for (let n = 0; n < count; n++) {
    const [cx, cy, r] = [random() * size, random() * size, 1 + (random() ** 3 * size) / 4];
    const kind = Math.floor(random() * kinds);
    for (let y = Math.max(0, Math.floor(cy - r)); y < Math.min(size, cy + r); y++) {
      for (let x = Math.max(0, Math.floor(cx - r)); x < Math.min(size, cx + r); x++) {
        if ((x - cx) ** 2 + (y - cy) ** 2 < r * r) classes[y * size + x] = kind;
      }
    }
  }
  return { width: size, height: size, classes };
}

const checkerboard = (size: number): Raster => ({
  width: size,
  height: size,
  classes: Uint8Array.from({ length: size * size }, (_, p) => (p + Math.floor(p / size)) % 2),
});

/** Rasters chosen to break topology. */
export function hostileRasters(): (readonly [name: string, raster: Raster])[] {
  return [
    ['a pixel', rasterOf('0')],
    ['two pixels', rasterOf('01')],
    ['a row', rasterOf('0011021021')],
    ['a checkerboard', checkerboard(12)],
    ['an odd checkerboard', checkerboard(13)],
    ['a spiral', spiral(25)],
    ['a wide spiral', spiral(40)],
    ['a nest', nest(31, 1, 2)],
    ['a nest of three', nest(40, 2, 3)],
    ['single pixels', rasterOf('00000000', '01020300', '00000000', '03010200', '00000000')],
    ['touching holes', rasterOf('0000000', '0110000', '0110000', '0001100', '0001100', '0000000')],
    ['a ring of touching holes', rasterOf('0000000', '0010100', '0101010', '0010100', '0000000')],
    ['a comb', rasterOf('0101010', '0101010', '0101010', '0000000')],
    ['islands in nodata', rasterOf('.......', '.0..11.', '..0.1..', '.2....0', '.......')],
    ['a nodata frame', rasterOf('....', '.00.', '.01.', '....')],
    ...[1, 2, 3].map((seed) => [`maze ${seed}`, maze(seed, 14)] as const),
    ...[1, 2, 3, 4].map((seed) => [`blobs ${seed}`, blobs(seed, 70, 4, 60)] as const),
    ...[0, 1, 2, 3, 4, 5].map((seed) => [`noise ${seed}`, randomRaster(seed + 77, 40)] as const),
  ];
}
