import { ConfigError } from '../core/errors.ts';
import { localPathOf, withoutSecrets } from '../io/urls.ts';

/** URLs that are named in a message. */
const MOST_NAMED = 5;

/**
 * Refuses URLs whose query, user or password would come to stand in a plan file, for whoever reads it, and which a signature
 * would make useless some hours later.
 * @throws ConfigError that names them without it
 */
export function refuseSecrets(urls: readonly string[]): void {
  const open = urls
    .map((url) => url.replace(/^@/, ''))
    .filter((url) => localPathOf(url) === null && withoutSecrets(url) !== url);
  if (open.length === 0) return;
  const named = open.slice(0, MOST_NAMED).map(withoutSecrets).join(', ');
  const more = open.length > MOST_NAMED ? ` and ${open.length - MOST_NAMED} more` : '';
  throw new ConfigError(
    `${named}${more}: a URL with a query, user or password: the plan file would hold it for everyone who reads the plan, and a signature may have ended before a shard begins. Give s3: URLs (workers have credentials of their own) or unsigned ones, or copy the scenes; --allow-queries plans them as they are`,
    { pointer: 'SCENES' },
  );
}
