import type { CoverageFeature, CoverageSpace } from '../../src/core/coverage.ts';
import type { VectorSink } from '../../src/core/ports.ts';

/** Spaces that layers are written in. */
export const WGS84: CoverageSpace = { kind: 'wgs84' };
export const UTM: Extract<CoverageSpace, { kind: 'crs' }> = {
  kind: 'crs',
  crs: {
    kind: 'projected',
    epsg: 32633,
    name: 'WGS 84 / UTM zone 33N',
    proj4: '+proj=utm +zone=33 +datum=WGS84 +units=m',
    metresPerUnit: 1,
    geoKeys: null,
  },
};

/** Gives all features to a sink and closes it. @returns where its file lies */
export async function writeLayer(sink: VectorSink, features: readonly CoverageFeature[]): Promise<string> {
  for (const feature of features) await sink.write(feature);
  await sink.close();
  return sink.path;
}
