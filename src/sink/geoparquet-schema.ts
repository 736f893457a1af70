import type { ParquetWriter } from 'hyparquet-writer';
import { ATTRIBUTES, type AttributeType } from './attributes.ts';

type SchemaElement = ParquetWriter['schema'][number];

const LEAF: Readonly<Record<AttributeType, Partial<SchemaElement>>> = {
  int64: { type: 'INT64' },
  int32: { type: 'INT32' },
  double: { type: 'DOUBLE' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  boolean: { type: 'BOOLEAN' },
};
/** Sides of a box, as its columns are called. */
export const SIDES = ['xmin', 'ymin', 'xmax', 'ymax'] as const;
/** The columns, depth first. */
export const SCHEMA: SchemaElement[] = [
  { name: 'schema', num_children: ATTRIBUTES.length + 2 },
  ...ATTRIBUTES.map(({ name, type, nullable }) => ({
    name,
    repetition_type: nullable ? ('OPTIONAL' as const) : ('REQUIRED' as const),
    ...LEAF[type],
  })),
  { name: 'geometry', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' },
  { name: 'bbox', repetition_type: 'REQUIRED', num_children: 4 },
  ...SIDES.map((name) => ({ name, type: 'DOUBLE' as const, repetition_type: 'REQUIRED' as const })),
];

/**
 * The one row group of a layer without features. Without any, the library writes a list that says nothing of its elements
 * (Thrift's type for them is a guess), which strict readers refuse.
 */
export const EMPTY_GROUP: ParquetWriter['row_groups'][number] = {
  columns: leafPaths().map(({ path, type }) => ({
    file_offset: 4n,
    meta_data: {
      type,
      encodings: ['PLAIN'],
      path_in_schema: path,
      codec: 'UNCOMPRESSED',
      num_values: 0n,
      total_uncompressed_size: 0n,
      total_compressed_size: 0n,
      data_page_offset: 4n,
    },
  })),
  total_byte_size: 0n,
  num_rows: 0n,
};

function leafPaths() {
  const leaves = SCHEMA.flatMap(({ name, type }) => (type === undefined ? [] : [{ name, type }]));
  return leaves.map(({ name, type }, i) => ({
    path: i < leaves.length - SIDES.length ? [name] : ['bbox', name],
    type,
  }));
}
