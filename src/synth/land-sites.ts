import { DISTRICT, type District } from './districts.ts';
import type { City, Geography } from './geography.ts';
import { between, direction, hash2, rehash, valueNoise } from './hash.ts';
import { createSiteGrid, type SiteGrid } from './site-grid.ts';

/** A small piece of land of one district: the cell of a Voronoi diagram around its site. */
export interface LandSite {
  readonly x: number;
  readonly y: number;
  readonly district: District;
  readonly hash: number;
  /** The city that an urban site belongs to. */
  readonly city: City | null;
  /** The lie of parcels or streets, shared by the sites of a farm estate or a city. */
  readonly frame: Frame;
}

/** A turned coordinate frame: along = dx*cosine + dy*sine, across = dy*cosine - dx*sine from (x, y). */
export interface Frame {
  readonly x: number;
  readonly y: number;
  readonly cosine: number;
  readonly sine: number;
  /** Size of parcels or blocks, in pixels. */
  readonly along: number;
  readonly across: number;
  readonly hash: number;
}

/** Distance between land sites; any point has a site within 1.3 of it. */
export const LAND_SPACING = 88;

const ESTATE = 340;

/** The land sites of a land. */
export function settleLand(land: Geography, seed: number): SiteGrid<LandSite> {
  return createSiteGrid(LAND_SPACING, seed + 907, (_i, _j, hash, x, y) => {
    const district = land.landDistrictAt(x, y);
    const city = district === DISTRICT.urban ? land.cityAt(x, y) : null;
    return { x, y, district, hash, city, frame: city ? cityFrame(city) : estateFrame(seed, x, y, district) };
  });
}

function cityFrame(city: City): Frame {
  const [cosine, sine] = direction(rehash(city.hash, 11));
  const along = between(city.hash, 12, 30, 44);
  const across = between(city.hash, 13, 20, 30);
  return { x: city.x, y: city.y, cosine, sine, along, across, hash: city.hash };
}

function estateFrame(seed: number, x: number, y: number, district: District): Frame {
  const i = Math.floor((x + 60 * valueNoise(seed + 911, x / 200, y / 200)) / ESTATE);
  const j = Math.floor((y + 60 * valueNoise(seed + 919, x / 200, y / 200)) / ESTATE);
  const hash = hash2(seed + 929, i, j);
  const [cosine, sine] = direction(rehash(hash, 1));
  const isPaddy = district === DISTRICT.paddies;
  const isPasture = district === DISTRICT.pasture;
  const across = isPaddy ? between(hash, 2, 9, 15) : between(hash, 2, 16, 42) * (isPasture ? 2.6 : 1);
  const along = isPaddy ? between(hash, 3, 20, 36) : between(hash, 3, 46, 120) * (isPasture ? 1.6 : 1);
  return { x: i * ESTATE, y: j * ESTATE, cosine, sine, along, across, hash };
}
