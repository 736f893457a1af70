import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one request that is passed on to a store. */
export type ProxyFault =
  /** The store never hears of it; the client gets this status. */
  | { readonly kind: 'status'; readonly status: number }
  /** The connection breaks before the store hears of it. */
  | { readonly kind: 'reset' }
  /** The connection breaks in the middle of the body, of which the store hears nothing. */
  | { readonly kind: 'cut' }
  /** The store does what it was asked, and its answer is lost. */
  | { readonly kind: 'lost' }
  /** Not a word, and the store hears of nothing. */
  | { readonly kind: 'silence' };

/** A request as it came. */
export interface ProxiedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
}

/** Stands between a client and a store, passes requests on, and spoils some. */
export interface FaultProxy {
  readonly url: string;
  readonly seen: ProxiedRequest[];
  /** Told of each request and how many like it were spoilt before; `null` passes it on. */
  fault: (request: ProxiedRequest, spoilt: number) => ProxyFault | null;
  stop(): Promise<void>;
}

/** Starts a {@link FaultProxy} before the store at `target`. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let spoilt = 0;
  const server = createServer((incoming, answer) => {
    const seen = { method: incoming.method ?? '', path: incoming.url ?? '' };
    proxy.seen.push(seen);
    const fault = proxy.fault(seen, spoilt);
    if (fault !== null) spoilt++;
    handle(target, incoming, answer, fault);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    fault: () => null,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function handle(
  target: string,
  incoming: IncomingMessage,
  answer: ServerResponse,
  fault: ProxyFault | null,
): void {
  switch (fault?.kind) {
    case 'status':
      incoming.resume().once('end', () => answer.writeHead(fault.status).end());
      return;
    case 'reset':
      incoming.socket.resetAndDestroy();
      return;
    case 'cut':
      // Bodies that are not sent at all can't be cut.
      if (incoming.headers['content-length'] === '0') incoming.socket.destroy();
      incoming.once('data', () => incoming.socket.destroy()).once('end', () => incoming.socket.destroy());
      return;
    case 'silence':
      incoming.resume();
      return;
  }
  const { hostname, port } = new URL(target);
  const { method, url: path, headers } = incoming;
  const onward = request({ hostname, port, method, path, headers }, (reply) => {
    if (fault?.kind === 'lost') {
      reply.resume().once('end', () => incoming.socket.resetAndDestroy());
      return;
    }
    answer.writeHead(reply.statusCode!, reply.headers);
    reply.pipe(answer);
  });
  onward.once('error', () => answer.destroy());
  // A client that leaves takes its request with it: the store must not wait for the rest.
  incoming.once('close', () => !incoming.complete && onward.destroy());
  incoming.pipe(onward);
}
