import { afterAll, describe, expect, test } from 'vitest';
import { isFrustumError } from '../../src/core/errors.ts';
import { hashBands, loadCorpus, withCorpusFile, worstBlockMean } from './corpus.ts';

const corpus = loadCorpus();
const of = (...kinds: string[]) => corpus.filter((entry) => kinds.includes(entry.expect));
const names = (entries: typeof corpus) => entries.map((entry) => [entry.file, entry] as const);

/** What became of the entries, by what is expected of them. */
const counts = new Map<string, number>();
const count = (what: string) => {
  counts.set(what, (counts.get(what) ?? 0) + 1);
};
afterAll(() => {
  const words = [...counts].sort().map(([what, times]) => `${what} ${times}`);
  process.stdout.write(`corpus: ${words.join(', ')}\n`);
});

test('the corpus has entries of no other kind', () => {
  const kinds = new Set(corpus.map((entry) => entry.expect));
  const held = ['decode', 'decode_or_unsupported', 'decode_or_error', 'windowed', 'error', 'safe'];
  expect([...kinds].sort()).toEqual(held.sort());
});

describe('files that must decode give GDAL’s pixels', () => {
  const decode = of('decode');
  const exact = decode.filter((entry) => entry.compare === 'exact');
  const lossy = decode.filter((entry) => entry.compare === 'block_means');

  test('the corpus is whole', () => {
    expect([exact.length, lossy.length, decode.length]).toEqual([363, 30, 393]);
  });

  test.each(names(exact))('%s, byte for byte', async (_, entry) => {
    const { info, hash } = await withCorpusFile(entry, async (tiff) => ({
      info: tiff.info,
      hash: await hashBands(tiff),
    }));
    expect([info.width, info.height, info.bands]).toEqual([
      entry.gdal.width,
      entry.gdal.height,
      entry.gdal.bands,
    ]);
    expect(hash).toBe(entry.gdal.raster_sha256);
    count('decode: equal');
  });

  test.each(names(lossy))('%s, in the mean', async (_, entry) => {
    const worst = await withCorpusFile(entry, (tiff) => worstBlockMean(tiff, entry));
    expect(worst).toBeLessThanOrEqual(entry.gdal.bands === 1 ? 0.5 : 1.5);
    count('decode: equal in the mean');
  });
});

describe('uncommon files decode exactly or are refused by the name of the feature', () => {
  test.each(names(of('decode_or_unsupported')))('%s', async (_, entry) => {
    const outcome = await withCorpusFile(entry, hashBands).catch((error: unknown) => error);
    if (typeof outcome === 'string') {
      expect(outcome).toBe(entry.gdal.raster_sha256);
      return count('decode_or_unsupported: equal');
    }
    if (!isFrustumError(outcome)) throw outcome;
    count('decode_or_unsupported: refused');
    expect(outcome.tag).toBe('UnsupportedError');
    expect((outcome as { feature?: string }).feature).toMatch(/^\S.{4,}$/);
    expect(outcome.message).toContain(entry.file);
  });
});

test('of the uncommon files, these many decode', () => {
  expect(counts.get('decode_or_unsupported: equal')).toBe(32);
});

describe('irregular files give GDAL’s pixels or a clear error', () => {
  test.each(names(of('decode_or_error')))('%s', async (_, entry) => {
    const outcome = await withCorpusFile(entry, hashBands).catch((error: unknown) => error);
    if (typeof outcome === 'string') {
      expect(outcome).toBe(entry.gdal.raster_sha256);
      return count('decode_or_error: equal');
    }
    if (!isFrustumError(outcome)) throw outcome;
    count('decode_or_error: refused');
    expect(outcome.message).toContain(entry.file);
  });
});

describe('files too large to read whole are read by window', () => {
  test.each(names(of('windowed')))('%s', async (_, entry) => {
    await withCorpusFile(entry, async (tiff) => {
      const bands = [...Array(tiff.info.bands).keys()];
      for (const { col, row, values } of entry.gdal.samples!) {
        const got = await tiff.readBands({ x: col, y: row, width: 1, height: 1 }, bands);
        // WebP is not bit-exact between versions of its library.
        got.forEach((value, band) => {
          expect(Math.abs(value - values[band]!)).toBeLessThanOrEqual(2);
        });
      }
      count('windowed: equal');
    });
  });
});

describe('the header says what GDAL says', () => {
  const decode = of('decode');
  /** Where Frustum knowingly differs. */
  const other: Readonly<Record<string, readonly string[]>> = {
    // External .ovr, external .msk: sidecars are not read.
    overviews: ['files/rasterio/red.tif'],
    // GDAL names the base system of a compound or three-dimensional one, or none; Frustum the horizontal one.
    epsg: [
      'files/derived/crs_mollweide_54009.tif',
      'files/gdal/buggy_sentinel1_ellipsoid_code_4326.tif',
      'files/gdal/ca_nrc_NAD83v70VG.tif',
      'files/gdal/compdcrs_without_gtcitation.tif',
      'files/gdal/compound_with_VerticalCitationGeoKey_only.tif',
      'files/gdal/epsg4326_3855_geotiff1_1.tif',
      'files/gdal/epsg4979_geotiff1_1.tif',
      'files/gdal/epsg_2853_with_us_feet.tif',
      'files/gdal/projected_GTCitationGeoKey_with_underscore_and_GeogTOWGS84GeoKey.tif',
    ],
  };

  test.each(names(decode))('%s', async (_, entry) => {
    const { gdal } = entry;
    await withCorpusFile(entry, async ({ info }) => {
      const alpha = gdal.color_interp!.indexOf('Alpha');
      expect(info.alphaBand).toBe(alpha < 0 ? null : alpha);

      const special: Readonly<Record<string, number>> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };
      const nodata = typeof gdal.nodata === 'string' ? special[gdal.nodata] : gdal.nodata;
      const held = (value: number | null | undefined) =>
        info.sampleType === 'float32' && typeof value === 'number' ? Math.fround(value) : (value ?? null);
      expect(held(info.nodata)).toEqual(held(nodata));

      const alone = entry.gdal_without_sidecars;
      const geo = alone && 'geotransform' in alone ? alone.geotransform : gdal.geotransform;
      const t = info.grid.transform;
      if (!geo) expect(t).toBeNull();
      else {
        [t!.c, t!.a, t!.b, t!.f, t!.d, t!.e].forEach((value, i) => {
          expect(Math.abs(value - geo[i]!)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(geo[i]!)));
        });
      }

      if (!other.epsg!.includes(entry.file)) {
        if (t) expect(info.grid.crs?.epsg ?? null).toBe(gdal.srs?.epsg ?? null);
      }
      if (!other.overviews!.includes(entry.file)) {
        expect(info.overviews.map((o) => [o.width, o.height])).toEqual(gdal.overviews ?? []);
      }
    });
  });
});
