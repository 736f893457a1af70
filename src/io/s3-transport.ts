import { Readable } from 'node:stream';
import { GetObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { SourceError } from '../core/errors.ts';
import { createProxyAgents, namedProxies } from './proxies.ts';
import { explainS3Failure, isRangeBeyondEnd } from './s3-failure.ts';
import type { S3Options } from './source-options.ts';
import type { Counters, RangeAnswer, RangeRequest, Transport } from './transport.ts';
import { withoutSecrets } from './urls.ts';

/**
 * Ranges of an S3 object by `GetObject`. Credentials, region and endpoint come from the AWS SDK's default chain
 * (environment, configuration files, container and instance roles) unless told. Nothing is tried twice here.
 * @param url `s3://BUCKET/KEY`, the key as it is, with `?versionId=...` at its end for one version of it
 * @throws SourceError if the URL is not of that form
 */
export function createS3Transport(url: string, options: S3Options): Transport {
  const { bucket, key, versionId, shown } = parseS3Url(url);
  const counters: Counters = { requests: 0, bytes: 0, retries: 0 };
  const { client, anonymous } = createS3Client(options);
  const payer = options.requesterPays ?? process.env.AWS_REQUEST_PAYER?.toLowerCase() === 'requester';

  const send = async ({ offset, length, expected, signal }: RangeRequest): Promise<RangeAnswer> => {
    counters.requests++;
    const answer = await client.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        Range: `bytes=${offset}-${offset + length - 1}`,
        ...(versionId !== null && { VersionId: versionId }),
        ...(expected !== null && expected.etag !== null && { IfMatch: expected.etag }),
        ...(payer && { RequestPayer: 'requester' as const }),
      }),
      { abortSignal: signal },
    );
    const body = answer.Body instanceof Readable ? answer.Body : Readable.from([]);
    // Whoever reads the body learns of its end; for whoever does not, that is no failure.
    body.on('error', () => undefined);
    // The SDK heeds the signal until the headers have come.
    signal.addEventListener('abort', () => body.destroy(), { once: true });
    if (signal.aborted) body.destroy();
    return {
      status: answer.$metadata.httpStatusCode ?? 0,
      contentRange: answer.ContentRange ?? null,
      contentLength: answer.ContentLength ?? null,
      // What a store keeps beside an object says nothing of how it sends it: S3 never compresses on the way.
      contentEncoding: null,
      etag: answer.ETag ?? null,
      lastModified: answer.LastModified?.toUTCString() ?? null,
      versionId: answer.VersionId ?? null,
      body,
      discard: () => void body.destroy(),
    };
  };

  return {
    url: shown,
    counters,
    async request(range) {
      try {
        return await send(range);
      } catch (error) {
        if (range.signal.aborted) throw error;
        if (isRangeBeyondEnd(error)) return beyondEnd();
        const region = await client.config.region().catch(() => null);
        throw explainS3Failure(error, { url: shown, bucket, region, anonymous });
      }
    },
    close: () => client.destroy(),
  };
}

/** A client as the options and the environment say, and whether its requests go unsigned. It tries nothing twice. */
export function createS3Client(options: S3Options): { client: S3Client; anonymous: boolean } {
  // The SDK is held at a version that runs on Node 20. Its wish for a newer one would break the lines of JSON that people's
  // programs read from standard error.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const anonymous = options.anonymous ?? /^(yes|true|1)$/i.test(process.env.AWS_NO_SIGN_REQUEST ?? '');
  const client = new S3Client(clientConfig(options, anonymous));
  preferPathStyle(client, options.pathStyle);
  return { client, anonymous };
}

function clientConfig(options: S3Options, anonymous: boolean): S3ClientConfig {
  const environment = process.env;
  const endpoint = options.endpoint ?? environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
  // Most stores other than AWS know no regions, yet a signature needs one.
  const region =
    options.region ??
    environment.AWS_REGION ??
    environment.AWS_DEFAULT_REGION ??
    (endpoint === undefined ? undefined : 'us-east-1');
  return {
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(namedProxies().length > 0 && { requestHandler: createProxyAgents() }),
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(anonymous && {
      credentials: { accessKeyId: '', secretAccessKey: '' },
      signer: { sign: async (request) => request },
    }),
  };
}

/**
 * Stores other than AWS seldom have a host name for each bucket. Whether it is another store is known only where the SDK
 * has looked everywhere, also into profiles (`endpoint_url`).
 */
function preferPathStyle(client: S3Client, pathStyle: boolean | undefined): void {
  const resolve = client.config.endpointProvider;
  client.config.endpointProvider = (place, context) => {
    const told = pathStyle ?? place.Endpoint !== undefined;
    // Names of buckets that no host can have already go into the path.
    return resolve({ ...place, ForcePathStyle: place.ForcePathStyle === true || told }, context);
  };
}

/** @throws SourceError if the URL is not of the form `s3://BUCKET/KEY` */
export function parseS3Url(url: string) {
  const match = /^s3:\/\/([^/]*)\/(.*?)(?:\?versionId=([^&]*))?$/is.exec(url);
  const [bucket, key, versionId] = [match?.[1] ?? '', match?.[2] ?? '', match?.[3] ?? null];
  const open = withoutSecrets(url);
  if (bucket.includes('@') || bucket.includes(':')) {
    throw new SourceError(
      'An s3: URL has no place for credentials or ports; expected s3://BUCKET/KEY. Credentials come from the AWS environment, a store by its endpoint option',
      { url: 's3:' },
    );
  }
  if (!/^[a-z0-9][a-z0-9._-]*$/i.test(bucket) || key === '') {
    const what = key === '' ? 'names no object' : 'names no bucket';
    throw new SourceError(`${open} ${what}; expected s3://BUCKET/KEY`, { url: open });
  }
  if (open !== url) {
    throw new SourceError(
      `${open}: an s3: URL has no place for a signature; give the signed https: URL as it is, or s3://BUCKET/KEY and credentials from the AWS environment`,
      { url: open },
    );
  }
  const shown = versionId === null ? url : `s3://${bucket}/${key}`;
  return { bucket, key, versionId, shown };
}

function beyondEnd(): RangeAnswer {
  return {
    status: 416,
    contentRange: null,
    contentLength: null,
    contentEncoding: null,
    etag: null,
    lastModified: null,
    versionId: null,
    body: Readable.from([]),
    discard: () => undefined,
  };
}
