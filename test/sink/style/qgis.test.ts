import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LandCoverClass, NODATA_CLASS } from '../../../src/core/classes.ts';
import { openConfidenceSink, openLandcoverSink } from '../../../src/sink/cog.ts';
import { CONFIDENCE_RAMP, qmlForClasses, qmlForConfidence } from '../../../src/sink/style/qml.ts';
import { sldForClasses } from '../../../src/sink/style/sld.ts';
import { needTool } from '../../support/need-tool.ts';

const CLASSES: readonly LandCoverClass[] = [
  { id: 0, name: 'unlabeled', color: '#101010' },
  { id: 2, name: 'rock & <sand>', color: '#ff8000' },
  { id: 7, name: "l'eau été", color: '#0000ff' },
];
const EXPECTED = CLASSES.map(({ id, name, color }) => [id, name, color]);
const VECTORS = ['landcover.geojson', 'landcover.geojsonl', 'landcover.fgb', 'landcover.gpkg'];

interface Opened {
  readonly valid?: boolean;
  readonly renderer?: string;
  readonly classes?: readonly (readonly (number | string)[])[];
}

describe.skipIf(!needTool('qgis-python') || !needTool('ogr2ogr'))('opened in QGIS', () => {
  let dir: string;
  let opened: Readonly<Record<string, Opened>>;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'frustum-qgis-'));
    const at = (file: string) => join(dir, file);
    const grid = {
      width: 4,
      height: 2,
      transform: { a: 0.01, b: 0, c: 10, d: 0, e: -0.01, f: 50 },
      crs: {
        kind: 'geographic',
        epsg: 4326,
        name: 'WGS 84',
        proj4: null,
        metresPerUnit: null,
        geoKeys: null,
      },
    } as const;
    const rows = {
      y: 0,
      rowCount: 2,
      classes: Uint8Array.of(0, 0, 2, 2, 7, 7, NODATA_CLASS, 2),
      confidence: Uint8Array.of(90, 255, 128, 99, 200, 201, 0, 77),
    };
    for (const sink of [
      await openLandcoverSink({ path: at('landcover.tif'), grid, classes: CLASSES }),
      await openConfidenceSink({ path: at('confidence.tif'), grid }),
    ]) {
      await sink.writeRows(rows);
      await sink.close();
    }
    const square = (x: number) => [
      [
        [x, 49],
        [x + 1, 49],
        [x + 1, 50],
        [x, 50],
        [x, 49],
      ],
    ];
    const features = CLASSES.map(({ id, name }, i) => ({
      type: 'Feature',
      properties: { class_id: id, class_name: name },
      geometry: { type: 'Polygon', coordinates: square(10 + i) },
    }));
    await writeFile(at('landcover.geojson'), JSON.stringify({ type: 'FeatureCollection', features }));
    for (const [file, driver] of [
      ['landcover.geojsonl', 'GeoJSONSeq'],
      ['landcover.fgb', 'FlatGeobuf'],
      ['landcover.gpkg', 'GPKG'],
    ]) {
      execFileSync('ogr2ogr', ['-f', driver!, at(file!), at('landcover.geojson')]);
    }
    await writeFile(at('landcover.qml'), qmlForClasses(CLASSES, { geometry: 'both' }));
    await writeFile(at('confidence.qml'), qmlForConfidence());
    // As in an output folder: the raster's SLD lies beside, and must not win over the style for all layers.
    for (const [file, geometry] of [
      ['landcover.sld', 'raster'],
      ['landcover-polygons.sld', 'polygon'],
    ] as const) {
      await writeFile(at(file), sldForClasses(CLASSES, { geometry, name: 'landcover' }));
    }
    const layers = [
      ...['landcover.tif', 'confidence.tif', ...VECTORS].map(at),
      `${at('landcover.geojson')}::${at('landcover-polygons.sld')}`,
    ];
    const said = execFileSync('/usr/bin/python3', ['test/sink/style/read-styles.py', ...layers], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 60_000,
    });
    const found = JSON.parse(said.slice(said.indexOf('{'))) as Record<string, Opened>;
    opened = Object.fromEntries(
      Object.entries(found).map(([path, value]) => [path.replaceAll(`${dir}/`, ''), value]),
    );
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('landcover.tif shows the classes by name and colour', () => {
    expect(opened['landcover.tif']).toEqual({ valid: true, renderer: 'paletted', classes: EXPECTED });
  });

  it.each(VECTORS)('%s shows the classes by name and colour, by the same style file', (file) => {
    expect(opened[file]).toEqual({ valid: true, renderer: 'categorizedSymbol', classes: EXPECTED });
  });

  it('confidence.tif is a ramp with a legend in per cent', () => {
    expect(opened['confidence.tif']).toMatchObject({ valid: true, renderer: 'singlebandpseudocolor' });
    expect(opened['confidence.tif']!.classes!.map(([, label, color]) => [label, color])).toEqual(
      CONFIDENCE_RAMP.map(({ percent, color }) => [`${percent} %`, color]),
    );
  });

  it('landcover-polygons.sld makes one rule a class', () => {
    expect(opened['landcover.geojson::landcover-polygons.sld']).toEqual({
      valid: true,
      renderer: 'RuleRenderer',
      classes: CLASSES.map(({ id, name, color }) => [`class_id = ${id}`, name, color]),
    });
  });
});
