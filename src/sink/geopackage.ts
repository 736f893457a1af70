import type { VectorSink } from '../core/ports.ts';
import { openAtomicFile } from '../io/atomic-file.ts';
import { type CrsDefinition, defineSpace } from './crs-definition.ts';
import { finishOnce } from './finish-once.ts';
import { createRowWriter } from './geopackage-rows.ts';
import { createRtree, rtreeTables, writeRtree } from './geopackage-rtree.ts';
import {
  CORE_TABLES,
  FILE_MARKS,
  featureTable,
  GEOMETRY,
  rtreeName,
  rtreeTriggers,
  STYLE_TABLE,
} from './geopackage-schema.ts';
import { type Box, FeatureBoxes } from './hilbert-order.ts';
import { lastChange } from './last-change.ts';
import { changeDatabase, type NewDatabase, sqliteError } from './sqlite.ts';
import { openPageFile } from './sqlite-pages.ts';
import { SqliteTable } from './sqlite-table.ts';
import { qmlForClasses } from './style/qml.ts';
import { sldForClasses } from './style/sld.ts';
import { describeLayer, type VectorSinkOptions } from './vector-sink-options.ts';

/** Identifier of a user-defined reference system: beyond EPSG's codes. */
const CUSTOM_SRS = 100_000;
/** What a GeoPackage calls coordinates that lie nowhere on the Earth. */
const UNDEFINED_CARTESIAN = -1;

/**
 * GeoPackage 1.3 with an R-tree and, where classes are given, a default style for QGIS. SQLite makes and describes the tables;
 * the features' and the R-tree's rows are laid down as pages in between, under a temporary name. In memory stay 40 bytes a
 * feature for the R-tree.
 *
 * The file says when it was written: two runs differ in that alone, unless `SOURCE_DATE_EPOCH` is set.
 * @throws SourceError if the file cannot be made.
 */
export async function openGeoPackageSink(options: VectorSinkOptions): Promise<VectorSink> {
  const { name = 'landcover', space } = options;
  const file = await openAtomicFile(options.path);
  const abort = () => file.abort();
  const fail = async (cause: unknown): Promise<never> => {
    const error = await sqliteError(file.path, cause);
    await abort().catch(() => undefined);
    throw error;
  };
  const srs = chooseSrs(defineSpace(space));
  const tree = rtreeTables(rtreeName(name));
  const makeTables = (db: NewDatabase) => {
    db.exec(FILE_MARKS);
    db.exec(CORE_TABLES);
    db.exec(featureTable(name));
    createRtree(db, rtreeName(name));
    return { roots: [name, ...tree].map((table) => db.rootPage(table)), pageCount: db.pageCount() };
  };
  let made: ReturnType<typeof makeTables>;
  try {
    made = changeDatabase(file.temporaryPath, makeTables);
  } catch (error) {
    return await fail(error);
  }
  const { roots, pageCount } = made;
  const pages = openPageFile(file, pageCount, abort);
  const [features, ...shadows] = roots.map((root) => new SqliteTable(pages, root)) as [
    SqliteTable,
    SqliteTable,
    SqliteTable,
    SqliteTable,
  ];
  const boxes = new FeatureBoxes();
  const putFeature = createRowWriter(features, boxes, srs.id);

  const build = async () => {
    features.finish();
    await writeRtree(pages, shadows, boxes, boxes.hilbertOrder());
    await pages.finish();
    changeDatabase(file.temporaryPath, (db) => {
      db.exec(rtreeTriggers(name));
      db.run('INSERT INTO sqlite_sequence VALUES (?,?)', [name, boxes.count]);
      describeContents(db, options, name, srs, boxes.box());
    });
  };
  const finish = finishOnce(file, build, fail);
  return {
    path: file.path,
    space,
    write(feature) {
      boxes.add(feature.geometry.coordinates, 0);
      putFeature(feature);
      return pages.settle();
    },
    finish,
    async close() {
      await finish();
      await file.commit();
    },
    abort,
  };
}

interface Srs {
  readonly id: number;
  readonly name: string;
  readonly organization: string;
  readonly definition: string;
}

const WGS84_SRS: Srs = {
  id: 4326,
  name: 'WGS 84 geodetic',
  organization: 'EPSG',
  definition: defineSpace({ kind: 'wgs84' })?.wkt ?? 'undefined',
};

function chooseSrs(crs: CrsDefinition | null): Srs {
  if (crs === null) {
    return {
      id: UNDEFINED_CARTESIAN,
      name: 'Undefined Cartesian SRS',
      organization: 'NONE',
      definition: 'undefined',
    };
  }
  if (crs.epsg === 4326) return WGS84_SRS;
  const { name, epsg, wkt } = crs;
  return {
    id: epsg ?? CUSTOM_SRS,
    name,
    organization: epsg === null ? 'NONE' : 'EPSG',
    definition: wkt ?? 'undefined',
  };
}

function describeContents(
  db: NewDatabase,
  options: VectorSinkOptions,
  name: string,
  srs: Srs,
  box: Box | null,
): void {
  const { classes, metadata = {} } = options;
  // The standard wants these three in every file (requirement 11).
  const systems: Srs[] = [
    { id: -1, name: 'Undefined Cartesian SRS', organization: 'NONE', definition: 'undefined' },
    { id: 0, name: 'Undefined geographic SRS', organization: 'NONE', definition: 'undefined' },
    WGS84_SRS,
  ];
  if (!systems.some(({ id }) => id === srs.id)) systems.push(srs);
  for (const { id, name: srsName, organization, definition } of systems) {
    db.run('INSERT INTO gpkg_spatial_ref_sys VALUES (?,?,?,?,?,?)', [
      srsName,
      id,
      organization,
      id,
      definition,
      null,
    ]);
  }
  const facts = Object.entries(metadata).map(([key, value]) => `${key}: ${value}`);
  const description = [describeLayer(options).description, ...facts].join('\n');
  const changed = lastChange();
  const nowhere = [null, null, null, null] as const;
  const contents = 'INSERT INTO gpkg_contents VALUES (?,?,?,?,?,?,?,?,?,?)';
  db.run(contents, [name, 'features', name, description, changed, ...(box ?? nowhere), srs.id]);
  db.run('INSERT INTO gpkg_geometry_columns VALUES (?,?,?,?,0,0)', [name, GEOMETRY, 'MULTIPOLYGON', srs.id]);
  db.run("INSERT INTO gpkg_extensions VALUES (?,?,'gpkg_rtree_index',?,'write-only')", [
    name,
    GEOMETRY,
    'http://www.geopackage.org/spec120/#extension_rtree',
  ]);
  if (classes === undefined) return;
  db.exec(STYLE_TABLE);
  db.run(contents, [
    'layer_styles',
    'attributes',
    'layer_styles',
    'Styles for QGIS',
    changed,
    ...nowhere,
    null,
  ]);
  db.run(
    `INSERT INTO layer_styles(f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time)
     VALUES ('', '', ?, ?, 'classes', ?, ?, 1, 'Colours of the classes', '', ?)`,
    [
      name,
      GEOMETRY,
      qmlForClasses(classes, { geometry: 'polygon' }),
      sldForClasses(classes, { geometry: 'polygon', name }),
      changed,
    ],
  );
}
