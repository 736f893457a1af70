import type { CoverageFeature, CoverageGeometry } from '../../src/core/coverage.ts';

export type Position = [x: number, y: number];
/** A polygon's rings, shell first. */
export type Rings = Position[][];

export function geometryOf(polygons: readonly Rings[]): CoverageGeometry {
  const ringEnds: number[] = [];
  const polygonEnds: number[] = [];
  const flat: number[] = [];
  for (const rings of polygons) {
    for (const ring of rings) {
      for (const point of ring) flat.push(...point);
      ringEnds.push(flat.length / 2);
    }
    polygonEnds.push(ringEnds.length);
  }
  return { coordinates: Float64Array.from(flat), ringEnds, polygonEnds };
}

/** The inverse of {@link geometryOf}. */
export function polygonsOf({ coordinates, ringEnds, polygonEnds }: CoverageGeometry): Rings[] {
  const polygons: Rings[] = [];
  let ring = 0;
  let point = 0;
  for (const end of polygonEnds) {
    const rings: Rings = [];
    for (; ring < end; ring++) {
      const positions: Position[] = [];
      for (; point < ringEnds[ring]!; point++)
        positions.push([coordinates[2 * point]!, coordinates[2 * point + 1]!]);
      rings.push(positions);
    }
    polygons.push(rings);
  }
  return polygons;
}

export function coverageFeature(
  id: number,
  polygons: readonly Rings[],
  more: Partial<CoverageFeature> = {},
): CoverageFeature {
  return {
    id,
    classId: 2,
    className: 'caf\u00e9 "built-up"',
    color: '#cc6677',
    pixelCount: 7,
    areaM2: 1234.56789,
    perimeterM: 321.98765,
    meanConfidence: 200.25,
    minConfidence: 17,
    touchesEdge: false,
    belowMmu: false,
    geometry: geometryOf(polygons),
    ...more,
  };
}

export const square = (x: number, y: number, size = 1): Position[] => [
  [x, y],
  [x + size, y],
  [x + size, y + size],
  [x, y + size],
  [x, y],
];
export const hole = (x: number, y: number, size: number): Position[] => square(x, y, size).reverse();

/** One of each kind: plain, with a hole and a large id and without the values that may be absent, in two parts. */
export const KINDS: readonly CoverageFeature[] = [
  coverageFeature(3, [[square(10, 50)]]),
  coverageFeature(2_500_000_017, [[square(20, 50, 4), hole(21, 51, 1.5), hole(23, 51, 0.5)]], {
    classId: 0,
    className: 'water',
    color: '#0000ff',
    pixelCount: 5_000_000_001,
    areaM2: null,
    perimeterM: null,
    meanConfidence: null,
    minConfidence: null,
  }),
  coverageFeature(4, [[square(179, -1), hole(179.25, -0.75, 0.5)], [square(-180, -1)]], {
    touchesEdge: true,
  }),
];

/** The classes of {@link KINDS} and {@link scatterFeatures}. */
export const CLASSES = [
  { id: 0, name: 'water', color: '#0000ff' },
  { id: 2, name: 'caf\u00e9 "built-up"', color: '#cc6677' },
] as const;

/** `count` boxes of many sizes, always the same ones, in degrees. */
export function scatterFeatures(count: number): CoverageFeature[] {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: count }, (_, i) => {
    const size = 10 ** (-3 + 3 * random());
    const x = Math.round((-170 + 330 * random()) * 1e7) / 1e7;
    const y = Math.round((-80 + 150 * random()) * 1e7) / 1e7;
    return coverageFeature(i * 7, [[square(x, y, Math.round(size * 1e7) / 1e7)]]);
  });
}

/** Numbers of the features whose boxes meet the given one. */
export function bruteForce(
  features: readonly CoverageFeature[],
  [minX, minY, maxX, maxY]: readonly [number, number, number, number],
): number[] {
  return features
    .filter(({ geometry: { coordinates } }) => {
      const xs = coordinates.filter((_, i) => i % 2 === 0);
      const ys = coordinates.filter((_, i) => i % 2 === 1);
      return (
        Math.min(...xs) <= maxX &&
        Math.max(...xs) >= minX &&
        Math.min(...ys) <= maxY &&
        Math.max(...ys) >= minY
      );
    })
    .map(({ id }) => id)
    .sort((p, q) => p - q);
}
