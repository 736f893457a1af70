import { SourceError } from '../core/errors.ts';
import { changed } from './receive-range.ts';
import { connectionFailure, Hiccup, PASSING_STATUSES, parseRetryAfter } from './retry.ts';

/** What the AWS SDK throws, as far as it is used here. Its messages are not passed on: stores write what they like there. */
interface SdkFailure {
  readonly name?: string;
  readonly code?: string;
  readonly errno?: unknown;
  readonly message?: string;
  readonly Code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
  readonly $response?: {
    readonly statusCode?: number;
    readonly headers?: Readonly<Record<string, string>>;
  };
}

export interface S3Place {
  /** What messages call the object. */
  readonly url: string;
  readonly bucket: string;
  /** The region that requests are signed for; `null` if there is none. */
  readonly region: string | null;
  /** Whether requests go unsigned. */
  readonly anonymous: boolean;
}

/** Names by which stores say that trying again is worth while. */
const PASSING =
  /^(SlowDown|Throttling.*|RequestTimeout|TimeoutError|InternalError|ServiceUnavailable|BusyError|RequestLimitExceeded|TooManyRequests.*)$/;

/** Whether the store says that the object ends before the range begins, which of an opening request means: it is empty. */
export function isRangeBeyondEnd(error: unknown): boolean {
  return nameOf(error as SdkFailure) === 'InvalidRange' || statusOf(error as SdkFailure) === 416;
}

/** What a failed request means, and what to do. */
export function explainS3Failure(error: unknown, { url, bucket, region, anonymous }: S3Place): Error {
  const failure = error as SdkFailure;
  const name = nameOf(failure);
  const status = statusOf(failure);
  const headers = failure.$response?.headers ?? {};
  const permanent = (what: string) =>
    new SourceError(`${url} ${what}${label(status, name)}`, {
      url,
      // A 403 alone may also mean that there is nothing; a 403 that says more does not.
      status: status === 403 && REASONS.has(name) ? name : (status ?? name),
      cause: error,
    });

  if (status === 412 || name === 'PreconditionFailed') return changed(url, 'its ETag is another');
  const home = headers['x-amz-bucket-region'];
  if (
    name === 'PermanentRedirect' ||
    name === 'AuthorizationHeaderMalformed' ||
    status === 301 ||
    status === 307
  ) {
    const todo =
      home === undefined
        ? 'give its region (--s3-region, or AWS_REGION)'
        : `use --s3-region ${home}, or AWS_REGION=${home}`;
    return permanent(
      `cannot be read: the bucket ${bucket} is in ${home === undefined ? 'another region' : `the region ${home}`}, not in ${region ?? 'the one asked'}; ${todo}`,
    );
  }
  if (status === null && failure.$metadata?.httpStatusCode === undefined) {
    const early = explainBefore(failure, url, error);
    if (early !== null) return early;
  }
  // The SDK has learnt the store's time from this answer, and signs by it from now on.
  if (name === 'RequestTimeTooSkewed' && failure.$metadata?.clockSkewCorrected === true) {
    return new Hiccup("the store's clock is far from this machine's", { status: name, cause: error });
  }
  if (PASSING.test(name) || (status !== null && PASSING_STATUSES.has(status))) {
    return new Hiccup(
      `the store answered ${[status, name].filter((part) => part !== null && part !== '').join(' ')}`,
      {
        status: status ?? name,
        retryAfterMs: parseRetryAfter(headers['retry-after']),
        cause: error,
      },
    );
  }
  if (anonymous && status === 403) {
    return permanent(
      'may not be read without credentials; if it is not meant to be public, leave out --s3-anonymous',
    );
  }
  return permanent(
    REASONS.get(name) ?? REASONS.get(String(status)) ?? 'cannot be read; check bucket, key and endpoint',
  );
}

const REASONS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    NoSuchBucket: 'is in a bucket that does not exist; check its name, and the endpoint',
    NoSuchKey: 'does not exist; check the key',
    NoSuchVersion: 'has no such version; check versionId',
    404: 'does not exist; check bucket and key',
    ExpiredToken:
      'cannot be read: the credentials have expired; renew them (e.g. aws sso login) and run again',
    TokenRefreshRequired:
      'cannot be read: the credentials have expired; renew them (e.g. aws sso login) and run again',
    RequestExpired:
      'cannot be read: the credentials have expired; renew them (e.g. aws sso login) and run again',
    InvalidToken:
      'cannot be read: the session token is not accepted; check AWS_SESSION_TOKEN, or renew the credentials',
    InvalidAccessKeyId:
      'cannot be read: the store does not know this access key; check AWS_PROFILE or AWS_ACCESS_KEY_ID, and the endpoint',
    SignatureDoesNotMatch:
      'cannot be read: the secret key is not the one of this access key; check AWS_SECRET_ACCESS_KEY or the profile',
    RequestTimeTooSkewed: "cannot be read: this machine's clock is wrong; set it",
    InvalidObjectState: 'is archived; restore it from its storage class first',
    403: 'may not be read by these credentials: they need s3:GetObject on it. Is the bucket public (--s3-anonymous), or does it charge its readers (--s3-requester-pays)? Stores say the same of objects that do not exist where listing is not allowed',
  }),
);

/** Failures before any answer: no credentials, no region, no connection. */
function explainBefore(failure: SdkFailure, url: string, cause: unknown): Error | null {
  const { message = '' } = failure;
  const name = failure.name ?? '';
  if (/Credential|TokenProvider|SSOTokenProvider/i.test(name) || /credential/i.test(message)) {
    return new SourceError(
      `${url} cannot be read: no usable AWS credentials were found (${name}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role, or read a public bucket with --s3-anonymous`,
      { url, status: name, cause },
    );
  }
  if (/region is missing/i.test(message)) {
    return new SourceError(
      `${url} cannot be read: no AWS region is set; give --s3-region, or set AWS_REGION`,
      { url, status: 'NoRegion', cause },
    );
  }
  if (failure.code === 'ERR_INVALID_URL') {
    return new SourceError(
      `${url} cannot be read: the store's endpoint is no usable URL; check --s3-endpoint, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and endpoint_url of the profile`,
      { url, status: failure.code, cause },
    );
  }
  const code = failure.code ?? (name === 'TimeoutError' ? 'ETIMEDOUT' : null);
  return code === null ? null : connectionFailure(url, 'the store', code, cause);
}

function nameOf(failure: SdkFailure): string {
  return failure.Code ?? failure.name ?? '';
}

function statusOf(failure: SdkFailure): number | null {
  return failure.$response?.statusCode ?? failure.$metadata?.httpStatusCode ?? null;
}

function label(status: number | null, name: string): string {
  const parts = [status === null ? '' : String(status), name === 'Error' ? '' : name].filter(
    (part) => part !== '',
  );
  return parts.length === 0 ? '' : ` (${parts.join(' ')})`;
}
