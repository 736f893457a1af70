import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'vitest';
import { createPixelPlacer, measurePixel } from '../../../src/core/place-pixels.ts';
import { openGeoTiff } from '../../../src/geotiff/open-geotiff.ts';
import { openByteSource } from '../../../src/io/open-source.ts';
import { placeScene } from '../../../src/scene/place/place-scene.ts';
import { createProjector } from '../../../src/vectorize/reproject.ts';
const ROOT = path.resolve('../shared/corpus');
test('x', async () => {
  const files = JSON.parse(readFileSync(path.join(ROOT, 'manifest.json'), 'utf8')).files;
  const seen: Record<string, number> = {};
  for (const e of files) {
    const g = e.gdal;
    if (!g.corners && !g.samples) continue;
    if (e.expect === 'error') continue;
    const src = await openByteSource(path.join(ROOT, e.file));
    try {
      const t = await placeScene(await openGeoTiff(src), path.join(ROOT, e.file));
      const { grid } = t.info;
      const place = createPixelPlacer(grid);
      const corners: any = { ul: [0, 0], ur: [grid.width, 0], lr: [grid.width, grid.height], ll: [0, grid.height], center: [grid.width / 2, grid.height / 2] };
      const say = (s: string) => console.log(e.file, e.expect, s);
      if (g.corners && !place) { say('no place; gdal has corners'); continue; }
      if (!g.corners) { if (place) say(`placed by ${t.place.source}, gdal has no corners gt=${g.geotransform}`); continue; }
      const [pw, ph] = measurePixel(grid)!;
      let worst = 0;
      for (const k of Object.keys(corners)) {
        const c = place!(corners[k][0], corners[k][1])!;
        worst = Math.max(worst, Math.hypot((c[0] - g.corners[k][0]) / pw, (c[1] - g.corners[k][1]) / ph));
      }
      for (const s of g.samples ?? []) if (s.x !== undefined) {
        const c = place!(s.col + 0.5, s.row + 0.5)!;
        worst = Math.max(worst, Math.hypot((c[0] - s.x) / pw, (c[1] - s.y) / ph));
      }
      if (!(worst < 0.01)) say('MAP off ' + worst);
      seen.map = (seen.map ?? 0) + 1;
      if (!g.corners_wgs84) continue;
      if (!grid.crs) { say('no crs, gdal wgs84; ' + JSON.stringify(g.srs?.name)); continue; }
      let project;
      try { project = createProjector(grid.crs); } catch (x: any) { say('no projector ' + grid.crs.name + ' ' + x.message.slice(0, 80)); continue; }
      let w2 = 0;
      for (const k of Object.keys(corners)) {
        const want = g.corners_wgs84[k]; if (!want) continue;
        const c = place!(corners[k][0], corners[k][1])!;
        const [lon, lat] = project(c[0], c[1]);
        const turn = Math.abs(lon - want[0]) % 360;
        const east = Math.min(turn, 360 - turn) * Math.cos((want[1] * Math.PI) / 180) * 111320;
        const m = Math.hypot(east, (lat - want[1]) * 110574);
        const unit = grid.crs.kind === 'geographic' ? 111320 : grid.crs.metresPerUnit!;
        w2 = Math.max(w2, m / (Math.min(pw, ph) * unit));
      }
      seen.wgs = (seen.wgs ?? 0) + 1;
      if (!(w2 < 0.01)) say(`WGS84 off ${w2.toPrecision(3)} px (pixel ${pw}) shift ${g.datum_shift_m_at_center} crs ${grid.crs.name} ${grid.crs.proj4} | ${g.srs.proj4}`);
    } catch (x: any) { console.log(e.file, e.expect, 'ERR', x.message.slice(0, 160)); } finally { await src.close(); }
  }
  console.log(seen);
});
