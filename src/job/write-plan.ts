import { basename, dirname } from 'node:path';
import type { SourceOptions } from '../io/source-options.ts';
import { localPathOf } from '../io/urls.ts';
import { openObjectStore } from './object-store.ts';
import type { JobPlan } from './plan-schema.ts';

/**
 * Writes a plan: to `where` if that ends in `.json`, else to `plans/ID.json` in the folder or under the prefix `where`.
 * @returns where it is
 * @throws SourceError
 */
export async function writePlan(plan: JobPlan, where: string, source: SourceOptions = {}): Promise<string> {
  const text = `${JSON.stringify(plan, null, 2)}\n`;
  const [folder, key] = placeOf(where, plan.id);
  const store = await openObjectStore(folder, source);
  await store.put(key, text);
  return store.urlOf(key);
}

function placeOf(where: string, id: string): readonly [folder: string, key: string] {
  if (!/\.json$/i.test(where)) return [where, `plans/${id}.json`];
  const path = localPathOf(where);
  if (path !== null) return [dirname(path), basename(path)];
  const cut = where.lastIndexOf('/');
  return [where.slice(0, cut), where.slice(cut + 1)];
}
