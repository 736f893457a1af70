import { ATTRIBUTES, type AttributeType } from './attributes.ts';

/** Name of the geometry column. */
export const GEOMETRY = 'geom';

/** Type names of GeoPackage 1.3, table 1. */
const COLUMN_TYPES: Readonly<Record<AttributeType, string>> = {
  int64: 'INTEGER',
  int32: 'MEDIUMINT',
  double: 'DOUBLE',
  text: 'TEXT',
  boolean: 'BOOLEAN',
};

/** A name as SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `GPKG` and version 1.3.0: what GDAL 3.6 and QGIS 3.22 know without a warning. */
export const FILE_MARKS = 'PRAGMA application_id = 1196444487; PRAGMA user_version = 10300;';

/** The tables that every GeoPackage with features and an extension has (OGC 12-128r17, annex C). */
export const CORE_TABLES = `
CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL,
  z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
CREATE TABLE gpkg_extensions (
  table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));`;

/** Where QGIS looks for styles. */
export const STYLE_TABLE = `
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')));`;

/** The features' own table. */
export function featureTable(name: string): string {
  const columns = ATTRIBUTES.map(
    (a) => `${quoteName(a.name)} ${COLUMN_TYPES[a.type]}${a.nullable ? '' : ' NOT NULL'}`,
  );
  return `CREATE TABLE ${quoteName(name)} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, ${GEOMETRY} MULTIPOLYGON, ${columns.join(', ')});`;
}

/** Name of the R-tree of a table. */
export function rtreeName(table: string): string {
  return `rtree_${table}_${GEOMETRY}`;
}

/**
 * The triggers that keep the R-tree true while others edit the table (GeoPackage 1.3, annex F.3). Their functions are
 * those of GeoPackage software; SQLite alone can read the table, but not edit its geometries.
 */
export function rtreeTriggers(table: string): string {
  const t = quoteName(table);
  const c = GEOMETRY;
  const tree = quoteName(rtreeName(table));
  const name = (suffix: string) => quoteName(`${rtreeName(table)}_${suffix}`);
  const put = `INSERT OR REPLACE INTO ${tree} VALUES (NEW.fid, ST_MinX(NEW.${c}), ST_MaxX(NEW.${c}), ST_MinY(NEW.${c}), ST_MaxY(NEW.${c}));`;
  const filled = `(NEW.${c} NOTNULL AND NOT ST_IsEmpty(NEW.${c}))`;
  const empty = `(NEW.${c} IS NULL OR ST_IsEmpty(NEW.${c}))`;
  return `
CREATE TRIGGER ${name('insert')} AFTER INSERT ON ${t} WHEN ${filled} BEGIN ${put} END;
CREATE TRIGGER ${name('update1')} AFTER UPDATE OF ${c} ON ${t} WHEN OLD.fid = NEW.fid AND ${filled} BEGIN ${put} END;
CREATE TRIGGER ${name('update2')} AFTER UPDATE OF ${c} ON ${t} WHEN OLD.fid = NEW.fid AND ${empty}
  BEGIN DELETE FROM ${tree} WHERE id = OLD.fid; END;
CREATE TRIGGER ${name('update3')} AFTER UPDATE ON ${t} WHEN OLD.fid != NEW.fid AND ${filled}
  BEGIN DELETE FROM ${tree} WHERE id = OLD.fid; ${put} END;
CREATE TRIGGER ${name('update4')} AFTER UPDATE ON ${t} WHEN OLD.fid != NEW.fid AND ${empty}
  BEGIN DELETE FROM ${tree} WHERE id IN (OLD.fid, NEW.fid); END;
CREATE TRIGGER ${name('delete')} AFTER DELETE ON ${t} WHEN OLD.${c} NOT NULL
  BEGIN DELETE FROM ${tree} WHERE id = OLD.fid; END;`;
}
