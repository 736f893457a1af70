/** GeoKeys as a TIFF carries them (tags 34735, 34736, 34737), kept so that an output can repeat its input's CRS exactly. */
export interface GeoKeys {
  readonly directory: readonly number[];
  readonly doubles: readonly number[];
  readonly ascii: string;
}

/** A coordinate reference system, as far as Frustum needs it. */
export interface Crs {
  readonly kind: 'projected' | 'geographic';
  /** EPSG code, if the file names one. */
  readonly epsg: number | null;
  /** Human-readable name, e.g. `WGS 84 / UTM zone 23N` or `EPSG:32623`. */
  readonly name: string;
  /** proj4 definition of the transform to WGS 84, or `null` where none is known. */
  readonly proj4: string | null;
  /** Metres in one map unit (1 for metres, 0.3048 for feet); `null` for degrees. */
  readonly metresPerUnit: number | null;
  /** The keys as read; absent for a CRS made from an EPSG code. */
  readonly geoKeys: GeoKeys | null;
}
