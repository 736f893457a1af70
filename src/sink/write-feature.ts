import type { CoverageFeature, CoverageGeometry, CoverageSpace } from '../core/coverage.ts';
import { roundConfidence, roundMetres } from './attributes.ts';
import type { JsonBytes } from './json-bytes.ts';

const ENCODER = new TextEncoder();

/** The spaces that GeoJSON can be written in. */
export type JsonSpace = Exclude<CoverageSpace, { kind: 'crs' }>;

/** Foreign member (RFC 7946, 6.1) that marks coordinates as pixel corners: x = column, y = -row. */
export const PIXEL_SPACE_MEMBER = '"coordinateSpace":"pixel"';

/** Writes features as GeoJSON text. Keeps the fixed parts of each class ready as bytes. */
export function createFeatureWriter(out: JsonBytes, space: JsonSpace): (feature: CoverageFeature) => void {
  const heads = new Map<number, Uint8Array>();
  const mark = space.kind === 'pixel' ? `${PIXEL_SPACE_MEMBER},` : '';
  return (feature) => {
    const { id, classId, className, color, pixelCount, meanConfidence, minConfidence, touchesEdge } = feature;
    let head = heads.get(classId);
    if (head === undefined) {
      head = ENCODER.encode(
        `,"class_id":${classId},"class_name":${JSON.stringify(className)},"color":${JSON.stringify(color)}`,
      );
      heads.set(classId, head);
    }
    const area = roundMetres(feature.areaM2);
    const perimeter = roundMetres(feature.perimeterM);
    const confidence = roundConfidence(meanConfidence);
    out.text(`{"type":"Feature",${mark}"id":${id},"properties":{"id":${id}`);
    out.bytes(head);
    out.text(
      `,"pixel_count":${pixelCount},"area_m2":${area},"perimeter_m":${perimeter},"mean_confidence":${confidence},` +
        `"min_confidence":${minConfidence},"touches_edge":${touchesEdge}},"geometry":`,
    );
    writeGeometry(out, feature.geometry);
    out.text('}');
  };
}

function writeGeometry(out: JsonBytes, { coordinates, ringEnds, polygonEnds }: CoverageGeometry): void {
  const multiple = polygonEnds.length > 1;
  out.text(multiple ? '{"type":"MultiPolygon","coordinates":[' : '{"type":"Polygon","coordinates":');
  let ring = 0;
  let i = 0;
  polygonEnds.forEach((polygonEnd, p) => {
    out.text(p === 0 ? '[' : ',[');
    for (const firstRing = ring; ring < polygonEnd; ring++) {
      out.text(ring === firstRing ? '[' : ',[');
      for (const first = i; i < ringEnds[ring]!; i++) {
        out.position(coordinates[2 * i]!, coordinates[2 * i + 1]!, i !== first);
      }
      out.text(']');
    }
    out.text(']');
  });
  out.text(multiple ? ']}' : '}');
}
