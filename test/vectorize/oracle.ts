import { NODATA_CLASS } from '../../src/core/classes.ts';
import { createFaceTracer, type TraceCounts } from '../../src/vectorize/trace-faces.ts';

/** A small class raster. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly classes: Uint8Array;
}

/** A face with its own copies of everything. */
export interface TracedFace {
  readonly id: number;
  readonly classId: number;
  readonly pixelCount: number;
  readonly confidenceSum: number;
  readonly touchesEdge: boolean;
  /** Rings of [x, y] corners, shell first, not closed. */
  readonly rings: readonly (readonly (readonly [number, number])[])[];
}

/** Rows as strings, one digit or `.` (nodata) a pixel. */
export function rasterOf(...rows: string[]): Raster {
  const width = rows[0]!.length;
  const classes = Uint8Array.from(rows.join(''), (c) => (c === '.' ? NODATA_CLASS : Number(c)));
  return { width, height: rows.length, classes };
}

/** Traces with rows pushed in blocks of `chunks` rows (repeated), and copies the faces out. */
export function traceAll(
  raster: Raster,
  confidence: Uint8Array | null = null,
  chunks: readonly number[] = [raster.height],
): { faces: TracedFace[]; counts: TraceCounts } {
  const faces: TracedFace[] = [];
  const tracer = createFaceTracer(raster.width, (face) => {
    const rings: [number, number][][] = [];
    let i = 0;
    for (let r = 0; r < face.ringCount; r++) {
      const ring: [number, number][] = [];
      for (; i < face.ringEnds[r]!; i++) ring.push([face.points[2 * i]!, face.points[2 * i + 1]!]);
      rings.push(ring);
    }
    const { id, classId, pixelCount, confidenceSum, touchesEdge } = face;
    faces.push({ id, classId, pixelCount, confidenceSum, touchesEdge, rings });
  });
  for (let y = 0, c = 0; y < raster.height; c++) {
    const rows = Math.min(chunks[c % chunks.length]!, raster.height - y);
    const from = y * raster.width;
    tracer.pushRows(raster.classes.subarray(from), confidence?.subarray(from) ?? null, rows);
    y += rows;
  }
  return { faces, counts: tracer.finish() };
}

/** Each pixel's component, named by its first pixel: plain flood fill over 4-neighbours. */
export function floodFill({ width, height, classes }: Raster): Float64Array {
  const component = new Float64Array(width * height).fill(-1);
  const stack: number[] = [];
  for (let start = 0; start < component.length; start++) {
    if (component[start] !== -1) continue;
    component[start] = start;
    stack.push(start);
    while (stack.length > 0) {
      const p = stack.pop()!;
      const x = p % width;
      const visit = (q: number) => {
        if (component[q] !== -1 || classes[q] !== classes[p]) return;
        component[q] = start;
        stack.push(q);
      };
      if (x > 0) visit(p - 1);
      if (x < width - 1) visit(p + 1);
      if (p >= width) visit(p - width);
      if (p + width < component.length) visit(p + width);
    }
  }
  return component;
}

/** Everything that must hold for a traced raster, checked against the flood fill. @returns complaints. */
export function checkTrace(raster: Raster, confidence: Uint8Array | null = null): string[] {
  const { width, height, classes } = raster;
  const wrong: string[] = [];
  const { faces, counts } = traceAll(raster, confidence);
  const component = floodFill(raster);
  const pixels = new Map<number, number[]>();
  component.forEach((c, p) => {
    if (classes[p] === NODATA_CLASS) return;
    const list = pixels.get(c);
    if (list) list.push(p);
    else pixels.set(c, [p]);
  });
  if (faces.length !== pixels.size) wrong.push(`${faces.length} faces, expected ${pixels.size}`);
  const at = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? -1 : component[y * width + x]!;
  const corner = (x: number, y: number) => y * (width + 1) + x;
  const corners = corner(width, height) + 1;
  const edges = new Set<number>();
  for (const face of faces) {
    const own = pixels.get(face.id);
    if (own === undefined) {
      wrong.push(`no component ${face.id}`);
      continue;
    }
    const sum = confidence === null ? 0 : own.reduce((s, p) => s + confidence[p]!, 0);
    const edge = own.some((p) => {
      const x = p % width;
      const y = (p - x) / width;
      return x === 0 || y === 0 || x === width - 1 || y === height - 1;
    });
    if (face.pixelCount !== own.length)
      wrong.push(`face ${face.id}: ${face.pixelCount} pixels, expected ${own.length}`);
    if (face.classId !== classes[face.id]) wrong.push(`face ${face.id}: class ${face.classId}`);
    if (face.confidenceSum !== sum)
      wrong.push(`face ${face.id}: confidence ${face.confidenceSum}, expected ${sum}`);
    if (face.touchesEdge !== edge) wrong.push(`face ${face.id}: touchesEdge ${face.touchesEdge}`);
    // The directed unit edges that have this component on the left and another on the right, and no others.
    const border = new Set<number>();
    for (const p of own) {
      const x = p % width;
      const y = (p - x) / width;
      if (at(x, y - 1) !== face.id) border.add(corner(x + 1, y) * corners + corner(x, y));
      if (at(x, y + 1) !== face.id) border.add(corner(x, y + 1) * corners + corner(x + 1, y + 1));
      if (at(x - 1, y) !== face.id) border.add(corner(x, y) * corners + corner(x, y + 1));
      if (at(x + 1, y) !== face.id) border.add(corner(x + 1, y + 1) * corners + corner(x + 1, y));
    }
    face.rings.forEach((ring, r) => {
      const seen = new Set<number>();
      let area = 0;
      ring.forEach(([x, y], i) => {
        const [nx, ny] = ring[(i + 1) % ring.length]!;
        area += nx * y - x * ny;
        edges.add(corner(x, y) * corners + corner(nx, ny));
        const dx = Math.sign(nx - x);
        const dy = Math.sign(ny - y);
        if ((dx === 0) === (dy === 0)) wrong.push(`face ${face.id}: edge ${x},${y} to ${nx},${ny}`);
        for (let px = x, py = y; px !== nx || py !== ny; px += dx, py += dy) {
          if (seen.has(corner(px, py))) wrong.push(`face ${face.id} ring ${r}: passes ${px},${py} twice`);
          seen.add(corner(px, py));
          const unit = corner(px, py) * corners + corner(px + dx, py + dy);
          if (!border.delete(unit)) wrong.push(`face ${face.id}: wrong or double edge at ${px},${py}`);
        }
      });
      // Rows count down, so the shell, counter-clockwise on the map, has a positive sum here.
      if (r === 0 ? area <= 0 : area >= 0) wrong.push(`face ${face.id} ring ${r}: area ${area / 2}`);
      const top = ring.reduce((b, p) => (p[1] < b[1] || (p[1] === b[1] && p[0] < b[0]) ? p : b));
      if (top !== ring[0]) wrong.push(`face ${face.id} ring ${r}: begins at ${ring[0]}, not at ${top}`);
    });
    const tops = face.rings.slice(1).map((ring) => corner(...ring[0]!));
    if (tops.some((top, i) => i > 0 && top <= tops[i - 1]!))
      wrong.push(`face ${face.id}: holes out of order`);
    if (border.size > 0) wrong.push(`face ${face.id}: ${border.size} border edges are missing`);
    pixels.delete(face.id);
  }
  // Edge (a, b) of one ring is edge (b, a) of its neighbour's, unless nothing or nodata lies there.
  for (const key of edges) {
    const b = key % corners;
    const a = (key - b) / corners;
    if (edges.has(b * corners + a)) continue;
    const [ax, bx] = [a % (width + 1), b % (width + 1)];
    const [ay, by] = [(a - ax) / (width + 1), (b - bx) / (width + 1)];
    const dx = Math.sign(bx - ax);
    const dy = Math.sign(by - ay);
    // The pixel on the right of the edge's first unit.
    const beyond = at(
      dx === 1 || dy === 1 ? ax - (dy === 1 ? 1 : 0) : dx === -1 ? ax - 1 : ax,
      dy === -1 ? ay - 1 : dx === -1 ? ay - 1 : ay,
    );
    if (beyond !== -1 && classes[beyond] !== NODATA_CLASS)
      wrong.push(`edge ${ax},${ay} to ${bx},${by} has no partner`);
  }
  const valid = classes.reduce((n, c) => n + (c === NODATA_CLASS ? 0 : 1), 0);
  if (counts.validPixels !== valid || counts.nodataPixels !== classes.length - valid) wrong.push('counts');
  return wrong;
}

/** A small fast generator of uniform numbers in [0, 1), so that failures can be told by their seed. */
export function seeded(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A random raster of up to `size` pixels a side: noise, blobs or stripes, sometimes with nodata. */
export function randomRaster(seed: number, size: number): Raster {
  const random = seeded(seed);
  const width = 1 + Math.floor(random() * size);
  const height = 1 + Math.floor(random() * size);
  const kinds = 1 + Math.floor(random() * 4);
  const nodata = random() < 0.3;
  const smooth = random() * 0.8;
  const classes = new Uint8Array(width * height);
  for (let p = 0; p < classes.length; p++) {
    const r = random();
    if (r < smooth / 2 && p % width > 0) classes[p] = classes[p - 1]!;
    else if (r < smooth && p >= width) classes[p] = classes[p - width]!;
    else classes[p] = nodata && random() < 0.2 ? NODATA_CLASS : Math.floor(random() * kinds);
  }
  return { width, height, classes };
}
