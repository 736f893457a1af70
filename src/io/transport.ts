/** What a request told of the object's state; later requests must find the same. */
export interface ObjectState {
  /** Entity tag, quotes and weakness mark included. */
  readonly etag: string | null;
  /** As the server spelt it. */
  readonly lastModified: string | null;
}

/** One range to fetch. */
export interface RangeRequest {
  readonly offset: number;
  readonly length: number;
  /** The state that the object was opened in; `null` for the opening request. */
  readonly expected: ObjectState | null;
  /** Aborting it destroys the request and its body. */
  readonly signal: AbortSignal;
}

/** An answer that may hold the range: status 200, 206 or 416. Other statuses are errors of the transport. */
export interface RangeAnswer extends ObjectState {
  readonly status: number;
  readonly contentRange: string | null;
  readonly contentLength: number | null;
  readonly contentEncoding: string | null;
  /** Of stores that keep versions. */
  readonly versionId: string | null;
  readonly body: AsyncIterable<Uint8Array>;
  /** Drops a body that nobody will read, and its connection with it. */
  discard(): void;
}

/** Counters that a source, its transport and its retries share. */
export interface Counters {
  requests: number;
  bytes: number;
  retries: number;
}

/** How ranges of one remote object are asked for, once each: no retries, no checks of the answer. */
export interface Transport {
  /** The object, fit for messages. */
  readonly url: string;
  readonly counters: Counters;
  /**
   * @throws Hiccup for what may pass; SourceError for what will not
   */
  request(range: RangeRequest): Promise<RangeAnswer>;
  close(): void;
}
