import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { FormatError, UnsupportedError } from '../core/errors.ts';
import type { OpenSourceOptions } from '../io/open-source.ts';
import { localPathOf, schemeOf, withoutSecrets } from '../io/urls.ts';
import { readText } from './read-plan.ts';

const assetSchema = z.object({
  href: z.string(),
  type: z.string().optional(),
  roles: z.array(z.string()).optional(),
});
const itemSchema = z.object({
  type: z.literal('Feature'),
  id: z.string(),
  assets: z.record(z.string(), assetSchema),
});
const linkSchema = z.object({ rel: z.string(), href: z.string() });
const documentSchema = z.union([
  itemSchema,
  z.object({ type: z.literal('FeatureCollection'), features: z.array(itemSchema) }),
  z.object({ type: z.enum(['Collection', 'Catalog']), links: z.array(linkSchema) }),
]);

type Item = z.infer<typeof itemSchema>;
type Options = OpenSourceOptions & { readonly asset?: string };

/** Documents that one name may lead to. */
const MOST_DOCUMENTS = 100_000;

/**
 * The GeoTIFFs of a STAC Item, of an ItemCollection, or of all Items that a Collection or Catalog links to, also through
 * others (STAC 1.0 and 1.1, https://github.com/radiantearth/stac-spec).
 * @throws FormatError where a document is none of these; UnsupportedError where it is not clear which asset is the scene
 */
export async function findStacScenes(url: string, options: Options): Promise<readonly string[]> {
  const scenes: string[] = [];
  const seen = new Set<string>([url]);
  const waiting = [url];
  while (waiting.length > 0) {
    const at = waiting.shift()!;
    const document = await readDocument(at, options);
    if (document.type === 'Feature') scenes.push(sceneOf(document, at, options.asset));
    else if (document.type === 'FeatureCollection') {
      scenes.push(...document.features.map((item) => sceneOf(item, at, options.asset)));
    } else {
      for (const { rel, href } of document.links) {
        const next = resolveHref(href, at);
        if ((rel !== 'item' && rel !== 'child') || seen.has(next) || seen.size >= MOST_DOCUMENTS) continue;
        seen.add(next);
        waiting.push(next);
      }
    }
  }
  return scenes;
}

async function readDocument(url: string, options: Options): Promise<z.infer<typeof documentSchema>> {
  const text = await readText(url, options);
  const shown = withoutSecrets(url);
  const fail = (why: string, cause?: unknown) =>
    new FormatError(`${shown}: no STAC Item, Collection or ItemCollection (${why})`, {
      url: shown,
      what: 'STAC document',
      cause,
    });
  try {
    const parsed = documentSchema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch (cause) {
    throw fail('not JSON', cause);
  }
  throw fail('its type, assets or links are not those of one');
}

function sceneOf(item: Item, url: string, asked: string | undefined): string {
  const assets = Object.entries(item.assets);
  const tiffs = assets.filter(([, { href, type }]) =>
    type === undefined ? /\.tiff?(\?|$)/i.test(href) : /^image\/(tiff|vnd\.stac\.geotiff)/i.test(type),
  );
  const data = tiffs.filter(([, { roles }]) => roles?.includes('data'));
  const candidates = data.length > 0 ? data : tiffs;
  const chosen =
    asked === undefined
      ? candidates.length === 1
        ? candidates[0]
        : undefined
      : assets.find(([key]) => key === asked);
  if (chosen !== undefined) return resolveHref(chosen[1].href, url);
  const keys = (asked === undefined ? candidates : assets).map(([key]) => key).join(', ') || 'none';
  throw new UnsupportedError(
    asked === undefined
      ? `the STAC Item ${item.id}: which asset is the scene? Its GeoTIFFs are: ${keys}; name one with --asset`
      : `the STAC Item ${item.id} has no asset ${asked}; it has: ${keys}`,
    { feature: 'choice of a STAC asset', hint: 'name one with --asset' },
  );
}

/** What a link means, seen from the document it is in. */
function resolveHref(href: string, from: string): string {
  if (schemeOf(href) !== null) return href;
  const path = localPathOf(from);
  if (path !== null) return isAbsolute(href) ? href : join(dirname(path), decodeURIComponent(href));
  return new URL(href, from).href;
}
