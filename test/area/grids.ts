import type { PixelArea } from '../../src/core/area.ts';
import type { Crs } from '../../src/core/crs.ts';
import type { Grid } from '../../src/core/grid.ts';

function crsOf(kind: Crs['kind'], epsg: number, name: string, proj4: string): Crs {
  return { kind, epsg, name, proj4, metresPerUnit: kind === 'projected' ? 1 : null, geoKeys: null };
}

export const WGS84 = crsOf('geographic', 4326, 'WGS 84', '+proj=longlat +datum=WGS84 +no_defs');

export function utm(zone: number, south = false): Crs {
  const proj4 = `+proj=utm +zone=${zone}${south ? ' +south' : ''} +datum=WGS84 +units=m +no_defs`;
  return crsOf('projected', (south ? 32700 : 32600) + zone, `WGS 84 / UTM zone ${zone}`, proj4);
}

export const POLAR = crsOf(
  'projected',
  3413,
  'WGS 84 / NSIDC Sea Ice Polar Stereographic North',
  '+proj=stere +lat_0=90 +lat_ts=70 +lon_0=-45 +k=1 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs',
);

export const MERCATOR = crsOf(
  'projected',
  3857,
  'WGS 84 / Pseudo-Mercator',
  '+proj=merc +a=6378137 +b=6378137 +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +no_defs',
);

/** A north-up grid. */
export function gridOf(crs: Crs, x: number, y: number, pixel: number, width: number, height: number): Grid {
  return { width, height, crs, transform: { a: pixel, b: 0, c: x, d: 0, e: -pixel, f: y } };
}

/** uint8 [height, width]: 1 in the area. Checks that spans are ascending, apart and in the grid. */
export function maskOf(area: PixelArea, { width, height }: { width: number; height: number }): Uint8Array {
  const mask = new Uint8Array(width * height);
  const walk = area.walkRows();
  for (let y = 0; y < height; y++) {
    const spans = walk.spansOf(y);
    let last = -1;
    for (let i = 0; i < spans.length; i += 2) {
      const [from, to] = [spans[i]!, spans[i + 1]!];
      if (!(from > last && to > from && to <= width)) throw new Error(`row ${y}: spans ${spans.join(' ')}`);
      mask.fill(1, y * width + from, y * width + to);
      last = to;
    }
  }
  return mask;
}

export function count(mask: Uint8Array): number {
  return mask.reduce((sum, v) => sum + v, 0);
}
