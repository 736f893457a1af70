import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Grid } from '../../src/core/grid.ts';
import { openGeoTiff } from '../../src/geotiff/open-geotiff.ts';
import { createTiffWriter } from '../../src/geotiff/write-tiff.ts';
import { openByteSource } from '../../src/io/open-source.ts';
import { needTool } from '../support/need-tool.ts';

const CORPUS = resolve('../shared/corpus/files');

/** What GDAL reads from the pairs' files: transform and WKT, `null` for a file that it does not open. */
const SCRIPT = `
import sys, json
from osgeo import gdal
gdal.PushErrorHandler('CPLQuietErrorHandler')
def view(path):
    d = gdal.Open(path)
    if d is None: return None
    s = d.GetSpatialRef()
    return {'transform': d.GetGeoTransform(), 'wkt': s and s.ExportToWkt()}
print(json.dumps([[view(p) for p in pair] for pair in json.load(open(sys.argv[1]))]))
`;

type Seen = { transform: number[]; wkt: string | null } | null;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frustum-georef-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The grid of a file that Frustum can open, or `null`. */
async function gridOf(path: string): Promise<Grid | null> {
  const source = await openByteSource(path);
  try {
    return (await openGeoTiff(source)).info.grid;
  } catch {
    return null;
  } finally {
    await source.close();
  }
}

describe.skipIf(!existsSync(CORPUS) || !needTool('gdal-python'))('the place of an output', () => {
  it("is its input's, as GDAL reads both, for every real file", async () => {
    const names = (await readdir(CORPUS, { recursive: true })).filter((name) => /\.tiff?$/.test(name)).sort();
    const pairs: [string, string][] = [];
    const withCrs: boolean[] = [];
    for (const name of names) {
      const input = join(CORPUS, name);
      const grid = await gridOf(input);
      if (grid === null || grid.transform === null) continue;
      const output = join(folder, `${pairs.length}.tif`);
      const writer = await createTiffWriter({ path: output, grid: { ...grid, width: 3, height: 2 } });
      await writer.writeRows(new Uint8Array(6), 2);
      await writer.close();
      pairs.push([input, output]);
      withCrs.push(grid.crs !== null);
    }
    const list = join(folder, 'pairs.json');
    await writeFile(list, JSON.stringify(pairs));
    const out = execFileSync('/usr/bin/python3', ['-c', SCRIPT, list], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    const seen = JSON.parse(out) as [Seen, Seen][];

    let compared = 0;
    for (const [i, [input, output]] of seen.entries()) {
      if (input === null) continue;
      const name = pairs[i]![0];
      const size = Math.max(1, ...input.transform.map(Math.abs));
      input.transform.forEach((value, k) => {
        expect(Math.abs(output!.transform[k]! - value), `${name}: transform[${k}]`).toBeLessThan(
          1e-12 * size,
        );
      });
      // What is no CRS to Frustum (geocentric, local) is not repeated either.
      if (withCrs[i]) expect(output!.wkt, name).toBe(input.wkt);
      compared++;
    }
    expect(compared).toBeGreaterThan(200);
  });
});
