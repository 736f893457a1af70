import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';

/** An HTTP proxy (RFC 9110, section 9.3.6 and RFC 9112, section 3.2.2) that writes down what it was asked. */
export interface ForwardProxy {
  readonly host: string;
  /** Request lines without the version: `GET http://...` or `CONNECT host:port`. */
  readonly asked: string[];
  /** Credentials of the last request, as sent. */
  readonly credentials: () => string | undefined;
  /** The status that tunnels are refused with; 0 opens them. */
  refuseTunnels: number;
  stop(): Promise<void>;
}

export async function startForwardProxy(): Promise<ForwardProxy> {
  const asked: string[] = [];
  let credentials: string | undefined;
  const server = createServer((from, to) => {
    asked.push(`${from.method} ${from.url}`);
    credentials = from.headers['proxy-authorization'];
    const { 'proxy-authorization': _, ...headers } = from.headers;
    const onward = request(from.url!, { method: from.method, headers }, (answer) => {
      to.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(to);
    });
    onward.on('error', () => to.destroy());
    to.on('close', () => onward.destroy());
    from.pipe(onward);
  });
  const proxy: ForwardProxy = {
    host: '',
    asked,
    credentials: () => credentials,
    refuseTunnels: 0,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  server.on('connect', (from, socket, head) => {
    asked.push(`CONNECT ${from.url}`);
    credentials = from.headers['proxy-authorization'];
    socket.on('error', () => undefined);
    if (proxy.refuseTunnels > 0) {
      socket.end(`HTTP/1.1 ${proxy.refuseTunnels} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const [host, port] = from.url!.split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      onward.write(head);
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(proxy, { host: `127.0.0.1:${(server.address() as { port: number }).port}` });
}
