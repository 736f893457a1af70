import type { CoverageGeometry } from '../core/coverage.ts';
import type { VectorSink } from '../core/ports.ts';
import { openAtomicFile } from '../io/atomic-file.ts';
import { ATTRIBUTES, attributeValues } from './attributes.ts';
import { type CrsDefinition, defineSpace } from './crs-definition.ts';
import { writeRtree } from './geopackage-rtree.ts';
import {
  CORE_TABLES,
  FILE_MARKS,
  featureTable,
  GEOMETRY,
  quoteName,
  rtreeName,
  rtreeTriggers,
  STYLE_TABLE,
} from './geopackage-schema.ts';
import { type Box, FeatureBoxes } from './hilbert-order.ts';
import { lastChange } from './last-change.ts';
import { type NewDatabase, openNewDatabase, sqliteError } from './sqlite.ts';
import { qmlForClasses } from './style/qml.ts';
import { sldForClasses } from './style/sld.ts';
import { describeLayer, type VectorSinkOptions } from './vector-sink-options.ts';
import { putWkb, wkbBytes } from './wkb.ts';

/** Identifier of a user-defined reference system: beyond EPSG's codes. */
const CUSTOM_SRS = 100_000;
/** What a GeoPackage calls coordinates that lie nowhere on the Earth. */
const UNDEFINED_CARTESIAN = -1;
const HEAD_BYTES = 40;

/**
 * GeoPackage 1.3 with an R-tree and, where classes are given, a default style for QGIS. One transaction under a
 * temporary name; in memory stay 40 bytes a feature for the R-tree.
 *
 * The file says when it was written: two runs differ in that alone, unless `SOURCE_DATE_EPOCH` is set.
 * @throws SourceError if the file cannot be made.
 */
export async function openGeoPackageSink(options: VectorSinkOptions): Promise<VectorSink> {
  const { name = 'landcover', space } = options;
  const file = await openAtomicFile(options.path);
  let db: NewDatabase | null = null;
  const abort = async () => {
    try {
      db?.close();
    } finally {
      await file.abort();
    }
  };
  const fail = async (cause: unknown): Promise<never> => {
    const error = await sqliteError(file.path, cause);
    await abort().catch(() => undefined);
    throw error;
  };
  const srs = chooseSrs(defineSpace(space));
  const boxes = new FeatureBoxes();
  const encodeGeometry = createGeometryEncoder(boxes, srs.id);
  const opened = await openNewDatabase(file.temporaryPath).catch(fail);
  db = opened;
  let insert: ReturnType<NewDatabase['prepare']>;
  try {
    opened.exec(FILE_MARKS);
    opened.exec(CORE_TABLES);
    opened.exec(featureTable(name));
    const places = Array(ATTRIBUTES.length + 2)
      .fill('?')
      .join(',');
    insert = opened.prepare(`INSERT INTO ${quoteName(name)} VALUES (${places})`);
  } catch (error) {
    return await fail(error);
  }

  const build = () => {
    insert.finalize();
    writeRtree(opened, rtreeName(name), boxes, boxes.hilbertOrder());
    opened.exec(rtreeTriggers(name));
    describeContents(opened, options, name, srs, boxes.box());
    opened.exec('COMMIT');
    opened.close();
  };
  let built = false;
  const finish = async () => {
    try {
      if (!built) {
        built = true;
        build();
      }
      await file.flush();
    } catch (error) {
      await fail(error);
    }
  };
  return {
    path: file.path,
    space,
    write(feature) {
      boxes.add(feature.geometry.coordinates, 0);
      try {
        insert.run([boxes.count, encodeGeometry(feature.geometry), ...attributeValues(feature)]);
      } catch (error) {
        return fail(error);
      }
      return undefined;
    },
    finish,
    async close() {
      await finish();
      await file.commit();
    },
    abort,
  };
}

/**
 * Makes features' binary geometries: head with the box, then WKB. The bytes are good until the next call: SQLite takes a
 * copy.
 */
function createGeometryEncoder(
  boxes: FeatureBoxes,
  srsId: number,
): (geometry: CoverageGeometry) => Uint8Array {
  let bytes = new Uint8Array(0);
  let view = new DataView(bytes.buffer);
  return (geometry) => {
    const size = HEAD_BYTES + wkbBytes(geometry, 'always');
    if (size > bytes.length) {
      bytes = new Uint8Array(2 * size);
      view = new DataView(bytes.buffer);
      bytes.set([0x47, 0x50, 0, 0b11]); // GP, version 1, little-endian with a box of x and y
      view.setInt32(4, srsId, true);
    }
    const last = boxes.count - 1;
    view.setFloat64(8, boxes.get(last, 0), true);
    view.setFloat64(16, boxes.get(last, 2), true);
    view.setFloat64(24, boxes.get(last, 1), true);
    view.setFloat64(32, boxes.get(last, 3), true);
    putWkb(bytes, view, HEAD_BYTES, geometry, 'always');
    return bytes.subarray(0, size);
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
