import type { CoverageFeature } from '../core/coverage.ts';

/** How an attribute is kept where a format has types. */
export type AttributeType = 'int64' | 'int32' | 'double' | 'text' | 'boolean';

export interface Attribute {
  readonly name: string;
  readonly type: AttributeType;
  /** Whether it may be absent: areas without georeferencing, confidences of a class raster made elsewhere. */
  readonly nullable: boolean;
  /** For people: shown as the column's comment where a format holds one. */
  readonly description: string;
}

/** What every vector format says of a feature, in this order. Ids and counts go beyond 32 bits. */
export const ATTRIBUTES: readonly Attribute[] = [
  { name: 'id', type: 'int64', nullable: false, description: "Index of the area's first pixel in the scene" },
  { name: 'class_id', type: 'int32', nullable: false, description: 'Land-cover class' },
  { name: 'class_name', type: 'text', nullable: false, description: 'Name of the class' },
  { name: 'color', type: 'text', nullable: false, description: 'Colour of the class, #rrggbb' },
  { name: 'pixel_count', type: 'int64', nullable: false, description: 'Pixels of the area' },
  { name: 'area_m2', type: 'double', nullable: true, description: 'Ellipsoidal area in square metres' },
  {
    name: 'perimeter_m',
    type: 'double',
    nullable: true,
    description: 'Ellipsoidal length of all rings in metres',
  },
  {
    name: 'mean_confidence',
    type: 'double',
    nullable: true,
    description: 'Mean confidence of the pixels, 0 to 255',
  },
  {
    name: 'min_confidence',
    type: 'int32',
    nullable: true,
    description: 'Least confidence of the pixels, 0 to 255',
  },
  {
    name: 'touches_edge',
    type: 'boolean',
    nullable: false,
    description: 'Whether the scene ends within the area',
  },
];

/** Square metres and metres to the third decimal. */
export function roundMetres(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 1000;
}

/** Mean confidences to the first decimal. */
export function roundConfidence(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10) / 10;
}

/** A feature's values in the order of {@link ATTRIBUTES}, rounded alike for every format. */
export function attributeValues(feature: CoverageFeature): (number | string | boolean | null)[] {
  return [
    feature.id,
    feature.classId,
    feature.className,
    feature.color,
    feature.pixelCount,
    roundMetres(feature.areaM2),
    roundMetres(feature.perimeterM),
    roundConfidence(feature.meanConfidence),
    feature.minConfidence,
    feature.touchesEdge,
  ];
}
