// `npm run demo`: makes a scene, maps it, compares the map with the truth, and says where to look.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = 'out/demo';

function frustum(...args) {
  process.stdout.write(`\n$ npx frustum ${args.join(' ')}\n`);
  const { status } = spawnSync(process.execPath, ['bin/frustum.js', ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

frustum('synth', '--size', '1536x1536', '--seed', '2026', '--out', `${out}/scene`);
frustum('segment', `${out}/scene/scene.tif`, '--pipeline', 'pipelines/demo.json', '--out', out);
frustum('evaluate', '--pred', `${out}/landcover.tif`, '--truth', `${out}/scene/truth.tif`);
process.stdout.write(`
Look at:
  ${out}/preview.png         the scene and its map, side by side
  ${out}/report.html         areas, confidence, seams and what was run, on one page
  ${out}/landcover.tif       the land-cover raster: a cloud-optimised GeoTIFF with colours and class names
  ${out}/landcover.geojson   the same as gap-free polygons, for QGIS or any other GIS
  ${out}/confidence.tif      how sure the network was, 0 to 255
  ${out}/run.json            what was run, on what, with which counts and times
`);
