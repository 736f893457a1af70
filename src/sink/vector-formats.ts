import { basename, extname } from 'node:path';
import type { CoverageSpace } from '../core/coverage.ts';
import { ConfigError, UnsupportedError } from '../core/errors.ts';
import type { VectorSink } from '../core/ports.ts';
import type { VectorSinkOptions } from './vector-sink-options.ts';
import type { JsonSpace } from './write-feature.ts';

/** A vector format, by the endings of its files. */
interface VectorFormatEntry {
  /** Whether it can hold coordinates of any CRS; else longitude and latitude, or pixel corners, alone. */
  readonly anyCrs: boolean;
  /** Loads what it needs when it is called: most runs write one format. */
  readonly open: (options: VectorSinkOptions) => Promise<VectorSink>;
}

/** Endings, as they are offered to people, and what opens a file that ends so. */
const FORMATS = {
  geojson: {
    anyCrs: false,
    async open(options) {
      const { openGeoJsonSink } = await import('./geojson.ts');
      return openGeoJsonSink({ ...options, space: jsonSpace(options) });
    },
  },
  geojsonl: {
    anyCrs: false,
    async open(options) {
      const { openGeoJsonSeqSink } = await import('./geojson-seq.ts');
      return openGeoJsonSeqSink({ path: options.path, space: jsonSpace(options) });
    },
  },
  /** GeoJSON text sequence (RFC 8142). */
  geojsons: {
    anyCrs: false,
    async open(options) {
      const { openGeoJsonSeqSink } = await import('./geojson-seq.ts');
      return openGeoJsonSeqSink({ path: options.path, space: jsonSpace(options), recordSeparators: true });
    },
  },
  fgb: {
    anyCrs: true,
    open: async (options) => (await import('./flatgeobuf.ts')).openFlatGeobufSink(options),
  },
  gpkg: {
    anyCrs: true,
    open: async (options) => (await import('./geopackage.ts')).openGeoPackageSink(options),
  },
  parquet: {
    anyCrs: true,
    open: async (options) => (await import('./geoparquet.ts')).openGeoParquetSink(options),
  },
  /** Vector tiles, a scale a zoom. */
  pmtiles: {
    anyCrs: false,
    open: async (options) => (await import('./pmtiles/pmtiles.ts')).openPmtilesSink(options),
  },
} as const satisfies Readonly<Record<string, VectorFormatEntry>>;

/** A vector format by the ending of its files. */
export type VectorFormat = keyof typeof FORMATS;

/** All vector formats, in the order in which they are offered. */
export const VECTOR_FORMATS = Object.keys(FORMATS) as readonly VectorFormat[];

/** Other endings that files of these formats go by. */
const ALIASES: Readonly<Record<string, VectorFormat>> = {
  json: 'geojson',
  ndjson: 'geojsonl',
  geojsonseq: 'geojsons',
  geoparquet: 'parquet',
};

/**
 * The format of a file by its ending, in any case.
 * @param pointer the option that named it, for the message
 * @throws ConfigError
 */
export function vectorFormatOf(path: string, pointer: string): VectorFormat {
  const ending = extname(path).slice(1).toLowerCase();
  const format = VECTOR_FORMATS.find((f) => f === ending) ?? ALIASES[ending];
  if (format === undefined) {
    throw new ConfigError(`${pointer} ${path}: no vector format has this ending; use ${offer('.')}`, {
      pointer,
      value: path,
    });
  }
  return format;
}

/**
 * The file that one name of `--vector` stands for: a format alone is `landcover` in that format.
 * @returns a file name without a folder
 * @throws ConfigError
 */
export function vectorFileOf(name: string, pointer: string): string {
  const file = VECTOR_FORMATS.some((format) => format === name) ? `landcover.${name}` : name;
  if (basename(file) !== file || file.startsWith('.')) {
    throw new ConfigError(
      `${pointer} ${name}: polygons lie in the output folder; give a format (${offer('')}) or a file name without a folder`,
      { pointer, value: name },
    );
  }
  vectorFormatOf(file, pointer);
  return file;
}

/** Whether files of this ending can hold coordinates of any CRS. */
export function takesAnyCrs(path: string): boolean {
  return FORMATS[vectorFormatOf(path, '--vector')].anyCrs;
}

/**
 * Opens a vector output by its ending.
 * @throws ConfigError for an unknown ending; UnsupportedError for a CRS that the format cannot hold; SourceError.
 */
export async function openVectorSink(options: VectorSinkOptions): Promise<VectorSink> {
  return FORMATS[vectorFormatOf(options.path, '--vector')].open(options);
}

/** The endings as a list for people, e.g. `.geojson, .fgb or .gpkg`. */
function offer(prefix: string): string {
  const names = VECTOR_FORMATS.map((format) => prefix + format);
  return `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`;
}

function jsonSpace({ path, space }: { readonly path: string; readonly space: CoverageSpace }): JsonSpace {
  if (space.kind !== 'crs') return space;
  const hint = 'write FlatGeobuf, GeoPackage or GeoParquet, or leave this file in longitude and latitude';
  throw new UnsupportedError(
    `Cannot write ${path} in ${space.crs.name}: GeoJSON holds longitude and latitude alone (RFC 7946). Instead, ${hint}.`,
    { feature: `GeoJSON in ${space.crs.name}`, hint },
  );
}
