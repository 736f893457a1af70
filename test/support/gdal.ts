import { execFileSync } from 'node:child_process';

/** What GDAL sees in a file. */
export interface GdalView {
  readonly size: [number, number];
  readonly transform: number[];
  readonly epsg: string | null;
  readonly metadata: Record<string, string>;
  readonly structure: Record<string, string>;
  readonly bands: {
    readonly type: string;
    readonly block: [number, number];
    readonly description: string;
    readonly color: string;
    readonly nodata: number | null;
    readonly categories: string[] | null;
    readonly colors: number[][] | null;
    /** Class names by the raster attribute table, value first. */
    readonly table: [number, string][] | null;
    /** Full resolution first; base64 of the samples, little-endian. */
    readonly levels: { readonly size: [number, number]; readonly data: string }[];
  }[];
  /** Of GDAL's own COG validator, with its full check. */
  readonly cog: { readonly errors: string[]; readonly warnings: string[] };
}

const SCRIPT = `
import sys, json, base64
from osgeo import gdal
from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate
gdal.UseExceptions()
path = sys.argv[1]
def level(b):
    return {'size': [b.XSize, b.YSize], 'data': base64.b64encode(bytes(b.ReadRaster())).decode()}
def table(b):
    t = b.GetDefaultRAT()
    return t and [[t.GetValueAsInt(i, 0), t.GetValueAsString(i, 1)] for i in range(t.GetRowCount())]
def band(b):
    ct = b.GetColorTable()
    return {'type': gdal.GetDataTypeName(b.DataType), 'block': b.GetBlockSize(), 'description': b.GetDescription(),
      'color': gdal.GetColorInterpretationName(b.GetColorInterpretation()), 'nodata': b.GetNoDataValue(), 'categories': b.GetCategoryNames(),
      'colors': ct and [list(ct.GetColorEntry(i)) for i in range(ct.GetCount())], 'table': table(b),
      'levels': [level(b)] + [level(b.GetOverview(i)) for i in range(b.GetOverviewCount())]}
d = gdal.Open(path)
sr = d.GetSpatialRef()
warnings, errors, _ = validate(path, full_check=True)
print(json.dumps({'size': [d.RasterXSize, d.RasterYSize], 'transform': d.GetGeoTransform(), 'epsg': sr and sr.GetAuthorityCode(None),
  'metadata': d.GetMetadata(), 'structure': d.GetMetadata('IMAGE_STRUCTURE'),
  'bands': [band(d.GetRasterBand(i + 1)) for i in range(d.RasterCount)], 'cog': {'errors': errors, 'warnings': warnings}}))
`;

/** Asks GDAL's Python modules about a file; guard with `needTool('gdal-python')`. */
export function viewWithGdal(path: string): GdalView {
  const out = execFileSync('/usr/bin/python3', ['-c', SCRIPT, path], {
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  });
  return JSON.parse(out) as GdalView;
}
