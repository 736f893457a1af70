import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';

const SCHEMAS = 'test/sink/stac/fixtures/schemas';

interface Schema {
  readonly $id: string;
  readonly [keyword: string]: unknown;
}

/** mlm 1.4.0 refers to a definition of this version; 2.0.0 has the same one (see the schemas' README). */
const STAND_IN = {
  id: 'https://stac-extensions.github.io/classification/v1.1.0/schema.json',
  file: 'stac-extensions/classification/v2.0.0.json',
};

function load(file: string): Schema {
  return JSON.parse(readFileSync(join(SCHEMAS, file), 'utf8')) as Schema;
}

function createAjv(): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  // RFC 3987; URIs are a subset, and nothing here writes other IRIs.
  ajv.addFormat('iri', /^[a-z][a-z0-9+.-]*:[^\s<>"{}|\\^`]+$/i);
  ajv.addFormat('iri-reference', /^[^\s<>"{}|\\^`]*$/);
  const files = readdirSync(SCHEMAS, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.json'))) {
    const schema = load(file);
    // The published id of one file lacks a dot: others refer to it by its address.
    ajv.addSchema({ ...schema, $id: schema.$id.replace(/commonjson$/, 'common.json') });
  }
  ajv.addSchema({ ...load(STAND_IN.file), $id: STAND_IN.id });
  return ajv;
}

const ajv = createAjv();

/**
 * What is wrong with a STAC Item or Collection by the core schema and by those of all extensions that it names; empty
 * where nothing is.
 */
export function stacErrors(document: {
  readonly type: string;
  readonly stac_extensions?: readonly string[];
}): string[] {
  const core = document.type === 'Collection' ? 'collection-spec' : 'item-spec';
  const file = document.type === 'Collection' ? 'collection' : 'item';
  const ids = [
    `https://schemas.stacspec.org/v1.1.0/${core}/json-schema/${file}.json`,
    ...(document.stac_extensions ?? []),
  ];
  return ids.flatMap((id) => {
    const validate: ValidateFunction | undefined = ajv.getSchema(id) ?? ajv.getSchema(`${id}#`);
    if (validate === undefined) return [`no schema is kept for ${id}`];
    if (validate(document)) return [];
    return (validate.errors ?? []).map((e) => `${id}: ${e.instancePath || '/'} ${e.message}`);
  });
}
