import { execFileSync } from 'node:child_process';

const SCRIPT = `
import sys, json
from osgeo import gdal, osr
gdal.UseExceptions()
job = json.load(sys.stdin)
def plain(v):
    return None if v is None else [float(x) for x in v]
if job['do'] == 'transform':
    d = gdal.Open(job['path'])
    t = gdal.Transformer(d, None, job['options'])
    out = []
    for c, r in job['pixels']:
        ok, p = t.TransformPoint(0, c, r)
        out.append([p[0], p[1]] if ok else None)
elif job['do'] == 'reproject':
    def srs(text):
        s = osr.SpatialReference(); s.SetFromUserInput(text)
        s.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER); return s
    t = osr.CoordinateTransformation(srs(job['from']), srs(job['to']))
    out = [list(t.TransformPoint(x, y)[:2]) for x, y in job['points']]
elif job['do'] == 'export':
    s = osr.SpatialReference(); s.SetFromUserInput(job['crs'])
    if job.get('anonymous'):
        for node in ['PROJCS', 'GEOGCS', None]:
            try: s.SetAuthority(node, '', 0)
            except Exception: pass
    out = {'wkt1': s.ExportToWkt(['FORMAT=WKT1_GDAL']), 'esri': s.ExportToWkt(['FORMAT=WKT1_ESRI']), 'wkt2': s.ExportToWkt(['FORMAT=WKT2_2019']), 'proj4': s.ExportToProj4()}
elif job['do'] == 'place':
    d = gdal.Open(job['path'])
    s = d.GetSpatialRef(); g = d.GetGCPSpatialRef()
    gt = d.GetGeoTransform(can_return_null=True)
    out = {'transform': plain(gt), 'wkt': s and s.ExportToWkt(), 'gcpWkt': g and g.ExportToWkt(), 'proj4': s and s.ExportToProj4(),
      'epsg': s and s.GetAuthorityCode(None), 'gcps': [[p.GCPPixel, p.GCPLine, p.GCPX, p.GCPY, p.GCPZ] for p in d.GetGCPs()],
      'rpc': {k: [float(w) for w in v.split() if w[0] in '+-.0123456789'] for k, v in d.GetMetadata('RPC').items() if k[:4] in ('LINE', 'SAMP', 'LAT_', 'LONG', 'HEIG', 'ERR_')}}
elif job['do'] == 'scene':
    # width, height, bands as base64 of bytes, band after band; gcps, wkt, rpc, creation options
    import base64
    w, h, n = job['width'], job['height'], job['bands']
    d = gdal.GetDriverByName('GTiff').Create(job['path'], w, h, n, gdal.GDT_Byte, options=job.get('creation', []))
    data = base64.b64decode(job['data'])
    for b in range(n):
        d.GetRasterBand(b + 1).WriteRaster(0, 0, w, h, data[b * w * h:(b + 1) * w * h])
    if job.get('wkt'):
        s = osr.SpatialReference(); s.SetFromUserInput(job['wkt']); job['wkt'] = s.ExportToWkt()
    if job.get('gcps'):
        d.SetGCPs([gdal.GCP(p[2], p[3], p[4] if len(p) > 4 else 0, p[0], p[1]) for p in job['gcps']], job.get('wkt') or '')
    if job.get('transform'): d.SetGeoTransform(job['transform'])
    if job.get('wkt') and not job.get('gcps'): d.SetProjection(job['wkt'])
    if job.get('rpc'): d.SetMetadata(job['rpc'], 'RPC')
    d = None; out = True
print(json.dumps(out))
`;

/** Asks GDAL's Python modules; guard with `needTool('gdal-python')`. */
function ask<T>(job: object): T {
  const out = execFileSync('/usr/bin/python3', ['-c', SCRIPT], {
    input: JSON.stringify(job),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return JSON.parse(out) as T;
}

export type Point = readonly [number, number];

/** Map coordinates of pixel positions, as GDAL's transformer has them; `null` where it has none. */
export function transformWithGdal(
  path: string,
  pixels: readonly Point[],
  options: readonly string[],
): (Point | null)[] {
  return ask({ do: 'transform', path, pixels, options });
}

/** Coordinates in another CRS; x before y, whatever the CRS says. */
export function reprojectWithGdal(from: string, to: string, points: readonly Point[]): Point[] {
  return ask({ do: 'reproject', from, to, points });
}

/** Definitions of a CRS in several languages; without its codes if `anonymous`. */
export function exportCrsWithGdal(
  crs: string,
  anonymous = false,
): { readonly wkt1: string; readonly esri: string; readonly wkt2: string; readonly proj4: string } {
  return ask({ do: 'export', crs, anonymous });
}

/** What places a file, as GDAL reads it. */
export function placeWithGdal(path: string): {
  readonly transform: readonly number[] | null;
  readonly wkt: string | null;
  readonly gcpWkt: string | null;
  readonly proj4: string | null;
  readonly epsg: string | null;
  /** Column, row, x, y, z. */
  readonly gcps: readonly (readonly number[])[];
  readonly rpc: Readonly<Record<string, readonly number[]>>;
} {
  return ask({ do: 'place', path });
}

/** A scene for {@link writeWithGdal}: samples band after band. */
export interface GdalScene {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly samples: Uint8Array;
  /** Column, row, x, y, z. */
  readonly gcps?: readonly (readonly number[])[];
  readonly transform?: readonly number[];
  readonly wkt?: string;
  readonly rpc?: Readonly<Record<string, string>>;
  readonly creation?: readonly string[];
}

/** Writes a GeoTIFF with GDAL. */
export function writeWithGdal({ samples, ...scene }: GdalScene): string {
  ask({ do: 'scene', ...scene, data: Buffer.from(samples).toString('base64') });
  return scene.path;
}
