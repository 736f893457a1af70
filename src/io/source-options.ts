/** How S3 buckets are reached. What is left out comes from the environment and the AWS configuration files. */
export interface S3Options {
  /** URL of an S3-compatible store; AWS itself unless told. */
  readonly endpoint?: string;
  readonly region?: string;
  /** Whether the bucket's name goes into the path rather than the host's name; yes wherever an endpoint is given. */
  readonly pathStyle?: boolean;
  /** Sends requests unsigned, for public buckets; as `AWS_NO_SIGN_REQUEST` says unless told. */
  readonly anonymous?: boolean;
  /** Agrees to be charged for requests to the bucket; as `AWS_REQUEST_PAYER` says unless told. */
  readonly requesterPays?: boolean;
}

/** How bytes behind URLs are read; local files need none of it. */
export interface SourceOptions {
  readonly s3?: S3Options;
  /** Requests made for one range before it counts as failed; 6 unless told. */
  readonly attempts?: number;
  /** A request that brings nothing for so long is given up and counts as failed; 30 s unless told. */
  readonly stallMs?: number;
  /** Requests of one source under way at once; 8 unless told. */
  readonly parallel?: number;
  /** The wait before a second request is up to this, then up to twice as long each time; 200 ms unless told. */
  readonly backoffMs?: number;
}
