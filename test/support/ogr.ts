import { execFileSync } from 'node:child_process';

/** A vector layer as GDAL reads it: one object a feature, geometry as GeoJSON coordinates. */
export interface OgrLayer {
  readonly name: string;
  readonly geometryType: string;
  readonly count: number;
  /** EPSG code of the layer's CRS. */
  readonly epsg: string | null;
  readonly fields: Readonly<Record<string, string>>;
  readonly features: readonly {
    readonly properties: Readonly<Record<string, unknown>>;
    readonly geometry: { readonly type: string; readonly coordinates: unknown };
  }[];
  /** Whether the driver answers boxes from an index. */
  readonly fastSpatialFilter: boolean;
  /** `id`s found in each of the boxes that were asked for. */
  readonly inBoxes: readonly (readonly number[])[];
}

const SCRIPT = `
import sys, json
from osgeo import ogr, gdal
gdal.UseExceptions()
path, layer, boxes = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
d = gdal.OpenEx(path, gdal.OF_VECTOR, open_options=['VERIFY_BUFFERS=YES'] if path.endswith('.fgb') else [])
l = d.GetLayerByName(layer)
n = l.GetLayerDefn()
names = [n.GetFieldDefn(i).GetName() for i in range(n.GetFieldCount())]
features = []
for f in l:
    g = json.loads(f.GetGeometryRef().ExportToJson(options=['COORDINATE_PRECISION=12']))
    features.append({'properties': {k: f.GetField(k) for k in names}, 'geometry': g})
found = []
for box in boxes:
    l.SetSpatialFilterRect(*box)
    found.append(sorted(f.GetField('id') for f in l))
l.SetSpatialFilter(None)
sr = l.GetSpatialRef()
print(json.dumps({'name': l.GetName(), 'geometryType': ogr.GeometryTypeToName(l.GetGeomType()), 'count': l.GetFeatureCount(),
  'epsg': sr and sr.GetAuthorityCode(None), 'features': features, 'inBoxes': found,
  'fields': {k: n.GetFieldDefn(i).GetFieldTypeName(n.GetFieldDefn(i).GetType()) for i, k in enumerate(names)},
  'fastSpatialFilter': bool(l.TestCapability(ogr.OLCFastSpatialFilter))}))
`;

/** Asks GDAL's Python modules about a layer; guard with `needTool('gdal-python')`. */
export function readWithOgr(
  path: string,
  layer: string,
  boxes: readonly (readonly number[])[] = [],
): OgrLayer {
  const out = execFileSync('/usr/bin/python3', ['-c', SCRIPT, path, layer, JSON.stringify(boxes)], {
    maxBuffer: 1 << 29,
    encoding: 'utf8',
  });
  return JSON.parse(out) as OgrLayer;
}
