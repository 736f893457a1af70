import type { CoverageGeometry } from '../../src/core/coverage.ts';

type Point = readonly [x: number, y: number];
/** Polygons of closed rings. */
export type Polygons = readonly (readonly (readonly Point[])[])[];

/** Flat buffers as nested arrays, for people and for checks. */
export function toPolygons({ coordinates, ringEnds, polygonEnds }: CoverageGeometry): Polygons {
  let ring = 0;
  let point = 0;
  return polygonEnds.map((polygonEnd) => {
    const rings: Point[][] = [];
    for (; ring < polygonEnd; ring++) {
      const points: Point[] = [];
      for (; point < ringEnds[ring]!; point++)
        points.push([coordinates[2 * point]!, coordinates[2 * point + 1]!]);
      rings.push(points);
    }
    return rings;
  });
}

/** Twice the signed area of a closed ring in whole units, exactly. */
function area2(ring: readonly (readonly [bigint, bigint])[]): bigint {
  let sum = 0n;
  for (let i = 0; i + 1 < ring.length; i++) {
    sum += ring[i]![0] * ring[i + 1]![1] - ring[i + 1]![0] * ring[i]![1];
  }
  return sum;
}

type Exact = readonly [bigint, bigint];
const side = (a: Exact, b: Exact, c: Exact): number => {
  const cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
  return cross > 0n ? 1 : cross < 0n ? -1 : 0;
};
const same = (a: Exact, b: Exact) => a[0] === b[0] && a[1] === b[1];
const between = (a: Exact, b: Exact, p: Exact) =>
  (a[0] < b[0] ? a[0] <= p[0] && p[0] <= b[0] : b[0] <= p[0] && p[0] <= a[0]) &&
  (a[1] < b[1] ? a[1] <= p[1] && p[1] <= b[1] : b[1] <= p[1] && p[1] <= a[1]);

/** What two segments have in common: nothing, the ends named, or more than a valid polygon may have. */
function meet(a: Exact, b: Exact, c: Exact, d: Exact): 'nothing' | 'end' | 'too much' {
  const [s1, s2, s3, s4] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (s1 * s2 < 0 && s3 * s4 < 0) return 'too much';
  if (s1 === 0 && s2 === 0) {
    // On one line: fine only if they share one end and nothing else.
    const shared =
      [a, b].filter((p) => between(c, d, p)).length + [c, d].filter((p) => between(a, b, p)).length;
    if (shared === 0) return 'nothing';
    return shared === 2 && (same(a, c) || same(a, d) || same(b, c) || same(b, d)) ? 'end' : 'too much';
  }
  const touches =
    (s1 === 0 && between(a, b, c)) ||
    (s2 === 0 && between(a, b, d)) ||
    (s3 === 0 && between(c, d, a)) ||
    (s4 === 0 && between(c, d, b));
  if (!touches) return 'nothing';
  return same(a, c) || same(a, d) || same(b, c) || same(b, d) ? 'end' : 'too much';
}

/**
 * Whether polygons are valid by OGC Simple Features, by brute force in exact arithmetic on coordinates in units of
 * 10^-9: closed rings that never visit a point twice, no two edges with more than an end in common (rings may touch,
 * at points that both have), a counter-clockwise shell and clockwise holes within it, and an interior in one piece.
 * @returns complaints.
 */
export function checkPolygons(polygons: Polygons): string[] {
  const wrong: string[] = [];
  polygons.forEach((rings, p) => {
    const exact = rings.map((ring) =>
      ring.map(([x, y]): Exact => [BigInt(Math.round(x * 1e9)), BigInt(Math.round(y * 1e9))]),
    );
    const edges: { ring: number; index: number; a: Exact; b: Exact }[] = [];
    exact.forEach((ring, r) => {
      if (ring.length < 4) wrong.push(`polygon ${p} ring ${r}: ${ring.length} points`);
      if (!same(ring[0]!, ring.at(-1)!)) wrong.push(`polygon ${p} ring ${r}: not closed`);
      const area = area2(ring);
      if (r === 0 ? area <= 0n : area >= 0n) wrong.push(`polygon ${p} ring ${r}: twice the area is ${area}`);
      const seen = new Set<string>();
      for (let i = 0; i + 1 < ring.length; i++) {
        const key = String(ring[i]);
        if (seen.has(key)) wrong.push(`polygon ${p} ring ${r}: visits ${key} twice`);
        seen.add(key);
        edges.push({ ring: r, index: i, a: ring[i]!, b: ring[i + 1]! });
      }
      if (r > 0 && !encloses(exact[0]!, ring[0]!, ring[1]!))
        wrong.push(`polygon ${p} ring ${r}: outside its shell`);
    });
    if (touchesInCircles(exact))
      wrong.push(`polygon ${p}: its rings touch so that they cut its interior apart`);
    for (let i = 0; i < edges.length; i++) {
      for (let j = i + 1; j < edges.length; j++) {
        const [e, f] = [edges[i]!, edges[j]!];
        if (meet(e.a, e.b, f.a, f.b) === 'too much') {
          wrong.push(
            `polygon ${p}: edge ${e.a} to ${e.b} of ring ${e.ring} meets ${f.a} to ${f.b} of ring ${f.ring}`,
          );
        }
      }
    }
  });
  return wrong;
}

/** Whether rings and the points where they touch form a circle: then they part the interior. */
function touchesInCircles(rings: readonly (readonly Exact[])[]): boolean {
  const parent = new Map<string, string>();
  const find = (k: string): string => {
    const p = parent.get(k) ?? k;
    return p === k ? k : find(p);
  };
  return rings.some((ring, r) =>
    ring.slice(1).some((point) => {
      const [a, b] = [find(`ring ${r}`), find(String(point))];
      parent.set(a, b);
      return a === b;
    }),
  );
}

/** Whether the middle of edge a..b lies within a ring. */
function encloses(ring: readonly Exact[], a: Exact, b: Exact): boolean {
  // Everything doubled, so that the middle is whole.
  const [x, y] = [a[0] + b[0], a[1] + b[1]];
  let inside = false;
  for (let i = 0; i + 1 < ring.length; i++) {
    const [p, q] = [ring[i]!, ring[i + 1]!];
    if (2n * p[1] > y === 2n * q[1] > y) continue;
    const cross = (2n * q[0] - 2n * p[0]) * (y - 2n * p[1]) - (2n * q[1] - 2n * p[1]) * (x - 2n * p[0]);
    if (q[1] > p[1] === cross > 0n) inside = !inside;
  }
  return inside;
}

/** Edges "ax ay bx by" of all rings that no other ring goes along the other way. */
export function unpairedEdges(all: readonly Polygons[]): string[] {
  const edges = new Set<string>();
  for (const polygons of all) {
    for (const ring of polygons.flat()) {
      for (let i = 0; i + 1 < ring.length; i++) edges.add([...ring[i]!, ...ring[i + 1]!].join(' '));
    }
  }
  return [...edges].filter((edge) => {
    const [ax, ay, bx, by] = edge.split(' ');
    return !edges.has([bx, by, ax, ay].join(' '));
  });
}
