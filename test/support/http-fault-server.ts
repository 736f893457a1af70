import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';

/** What goes wrong with one request. */
export type Fault =
  /** Another answer altogether. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The right answer under other headers; `null` leaves one out. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string | null>> }
  /** Not a word. */
  | { readonly kind: 'silence' }
  /** The connection breaks before any word. */
  | { readonly kind: 'reset' }
  /** The headers and so many bytes, then not a word. */
  | { readonly kind: 'stall'; readonly after: number }
  /** The headers and so many bytes, then the connection breaks. */
  | { readonly kind: 'cut'; readonly after: number }
  /** A byte now and then. */
  | { readonly kind: 'trickle'; readonly everyMs: number }
  /** Each byte is another. */
  | { readonly kind: 'corrupt' }
  /** The whole file, as servers send it that know no ranges; without its length if so told. */
  | { readonly kind: 'whole'; readonly chunked?: true };

/** A request as it came. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** First and last byte asked for. */
  readonly range: readonly [number, number] | null;
  /** Settles when its connection is done with it; true if the client left before the answer was whole. */
  readonly left: Promise<boolean>;
}

/** A file as served. */
export interface ServedFile {
  readonly bytes: Uint8Array;
  /** `null` for none; a hash of the bytes unless told. */
  readonly etag?: string | null;
  /** `null` for none. */
  readonly lastModified?: string | null;
}

/** An HTTP server with ranges and conditions as RFC 9110 has them, whose answers can be spoilt one by one. */
export interface FaultServer {
  readonly url: string;
  readonly seen: SeenRequest[];
  readonly files: Map<string, ServedFile>;
  /** Told of each request and how many came before it; `null` for a proper answer. */
  fault: (request: SeenRequest, nth: number) => Fault | null;
  /** Requests being answered now. */
  readonly open: () => number;
  stop(): Promise<void>;
}

/** Starts a {@link FaultServer} on a free port. */
export async function startFaultServer(): Promise<FaultServer> {
  let open = 0;
  const server = createServer((request, response) => {
    const left = once(response, 'close').then(() => {
      open--;
      return !response.writableFinished;
    });
    open++;
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      range: range && [Number(range[1]), Number(range[2])],
      left,
    };
    const nth = faults.seen.push(seen) - 1;
    answer(faults, seen, response, faults.fault(seen, nth));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const faults: FaultServer = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    seen: [],
    files: new Map(),
    fault: () => null,
    open: () => open,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return faults;
}

function answer(server: FaultServer, seen: SeenRequest, response: ServerResponse, fault: Fault | null): void {
  if (fault?.kind === 'silence') return;
  if (fault?.kind === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  if (fault?.kind === 'answer') {
    response.writeHead(fault.status, fault.headers).end(fault.body);
    return;
  }
  const path = decodeURIComponent(seen.path.replace(/\?.*/, ''));
  const file = server.files.get(path);
  if (file === undefined) {
    response
      .writeHead(404, { 'content-type': 'application/xml' })
      .end('<Error><Code>NoSuchKey</Code></Error>');
    return;
  }
  const { bytes } = file;
  const etag = file.etag === undefined ? `"${createHash('md5').update(bytes).digest('hex')}"` : file.etag;
  const lastModified = file.lastModified === undefined ? 'Sat, 05 Sep 2020 10:00:00 GMT' : file.lastModified;
  const match = seen.headers['if-match'];
  const since = seen.headers['if-unmodified-since'];
  if (
    (match !== undefined && match !== etag) ||
    (match === undefined && since !== undefined && since !== lastModified)
  ) {
    response.writeHead(412).end();
    return;
  }
  const headers: Record<string, string | number | null> = {
    etag,
    'last-modified': lastModified,
    'accept-ranges': 'bytes',
  };
  if (seen.range !== null && seen.range[0] >= bytes.length && fault?.kind !== 'whole') {
    send(response, 416, { ...headers, 'content-range': `bytes */${bytes.length}` }, new Uint8Array(0), null);
    return;
  }
  if (seen.range === null || fault?.kind === 'whole') {
    const length = fault?.kind === 'whole' && fault.chunked ? null : bytes.length;
    send(response, 200, { ...headers, 'content-length': length }, bytes, null);
    return;
  }
  const [first, last] = [seen.range[0], Math.min(seen.range[1], bytes.length - 1)];
  const ranged = {
    ...headers,
    'content-range': `bytes ${first}-${last}/${bytes.length}`,
    'content-length': last + 1 - first,
    ...(fault?.kind === 'headers' && fault.headers),
  };
  send(response, 206, ranged, bytes.subarray(first, last + 1), fault);
}

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number | null>>,
  body: Uint8Array,
  fault: Fault | null,
): void {
  response.writeHead(
    status,
    Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== null)) as never,
  );
  switch (fault?.kind) {
    case 'stall':
      response.write(body.subarray(0, fault.after));
      return;
    case 'cut':
      response.write(body.subarray(0, fault.after), () => response.socket?.destroy());
      return;
    case 'trickle': {
      let sent = 0;
      const timer = setInterval(() => response.write(body.subarray(sent, ++sent)), fault.everyMs);
      response.on('close', () => clearInterval(timer));
      return;
    }
    case 'corrupt':
      response.end(body.map((byte) => byte ^ 0x5a));
      return;
    default:
      // Piece by piece: what was handed over at once counts as sent even if nobody takes it.
      Readable.from(pieces(body)).pipe(response);
  }
}

function* pieces(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += 65536) yield body.subarray(at, at + 65536);
}
