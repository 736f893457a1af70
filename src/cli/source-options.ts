import { type Command, Option } from 'commander';
import { ConfigError } from '../core/errors.ts';
import type { SourceOptions } from '../io/source-options.ts';
import { parsePositive } from './verb.ts';

/** Flags of every verb that reads rasters by URL. */
export interface SourceFlags {
  s3Endpoint?: string;
  s3Region?: string;
  s3Anonymous?: true;
  s3RequesterPays?: true;
  readAttempts?: number;
  readTimeout?: number;
}

const GROUP = 'Reading from http(s): and s3: URLs:';

/** Adds {@link SourceFlags} to a verb. */
export function addSourceOptions(command: Command): Command {
  const add = (flags: string, description: string, parse?: (text: string) => unknown) => {
    const option = new Option(flags, description).helpGroup(GROUP);
    command.addOption(parse === undefined ? option : option.argParser(parse));
  };
  add('--s3-endpoint <url>', 'an S3-compatible store (default: AWS, or AWS_ENDPOINT_URL)', parseEndpoint);
  add('--s3-region <name>', "the bucket's region (default: AWS_REGION, or the AWS profile's)");
  add('--s3-anonymous', 'read a public bucket without credentials (or AWS_NO_SIGN_REQUEST=YES)');
  add('--s3-requester-pays', 'agree to be charged for reading (or AWS_REQUEST_PAYER=requester)');
  add('--read-attempts <n>', 'requests made for a range before the run fails (default: 6)', parsePositive);
  add('--read-timeout <seconds>', 'silence after which a request is made again (default: 30)', parsePositive);
  return command;
}

/** What the flags say, for `source` of the pipelines' options; empty where they say nothing. */
export function sourceOptionsOf(flags: SourceFlags): { readonly source?: SourceOptions } {
  const s3 = {
    ...(flags.s3Endpoint !== undefined && { endpoint: flags.s3Endpoint }),
    ...(flags.s3Region !== undefined && { region: flags.s3Region }),
    ...(flags.s3Anonymous && { anonymous: true }),
    ...(flags.s3RequesterPays && { requesterPays: true }),
  };
  const source = {
    ...(Object.keys(s3).length > 0 && { s3 }),
    ...(flags.readAttempts !== undefined && { attempts: flags.readAttempts }),
    ...(flags.readTimeout !== undefined && { stallMs: flags.readTimeout * 1000 }),
  };
  return Object.keys(source).length > 0 ? { source } : {};
}

function parseEndpoint(text: string): string {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    // Not shown, as commander would: it may hold a password.
    throw new ConfigError('--s3-endpoint is no usable URL; expected one such as https://store.example.org', {
      pointer: '--s3-endpoint',
    });
  }
  return text;
}
