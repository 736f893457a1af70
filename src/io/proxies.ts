import http from 'node:http';
import https from 'node:https';
import { type AgentConnectOpts, Agent as ChoosingAgent } from 'agent-base';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';
import type { ProxyAgent } from 'undici';
import { SourceError } from '../core/errors.ts';

/**
 * The proxy that the environment has requests to a URL go through, as curl understands `http_proxy`, `https_proxy`,
 * `all_proxy` and `no_proxy`, in capitals too; `null` for none.
 * @throws SourceError if it is no URL of an http(s) proxy
 */
export function proxyOf(url: string): URL | null {
  const found = getProxyForUrl(url);
  if (found === '') return null;
  // Without a scheme it was given that of the URL, but means http, as for curl.
  const spelt = namedProxies().includes(found);
  const proxy = spelt ? found : found.replace(/^https:/, 'http:');
  const parsed = URL.canParse(proxy) ? new URL(proxy) : null;
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return parsed;
  // What can't be parsed is not shown: it may hold a password.
  const kind = parsed === null ? 'no URL' : `a ${parsed.protocol} URL`;
  const host = new URL(url).host;
  throw new SourceError(
    `the proxy that the environment names for ${host} is ${kind}; expected http://HOST:PORT in http_proxy or https_proxy, or ${host} in no_proxy`,
    { url: new URL(url).origin, status: 'ERR_INVALID_PROXY' },
  );
}

/** Proxies that were used: each keeps its connections. */
const dispatchers = new Map<string, Promise<ProxyAgent>>();

/** `fetch`, through the proxy that the environment names for the URL. */
export async function fetchByEnvironment(
  url: URL,
  init: { redirect: 'manual'; signal: AbortSignal; headers: Record<string, string> },
): Promise<Response> {
  const proxy = proxyOf(url.href);
  if (proxy === null) return fetch(url, init);
  // Node's own fetch takes no proxy before version 24; the same by its makers does, and is loaded where there is one.
  const undici = await import('undici');
  const key = `${proxy.href} ${url.protocol}`;
  let dispatcher = dispatchers.get(key);
  if (dispatcher === undefined) {
    // Many proxies allow tunnels to port 443 alone.
    const proxyTunnel = url.protocol === 'https:';
    dispatcher = Promise.resolve(new undici.ProxyAgent({ uri: proxy.href, proxyTunnel }));
    dispatchers.set(key, dispatcher);
  }
  return (await undici.fetch(url, { ...init, dispatcher: await dispatcher })) as unknown as Response;
}

/** Agents of the AWS SDK's clients, which send each request through the proxy that the environment names for its host. */
export function createProxyAgents(): { httpAgent: http.Agent; httpsAgent: https.Agent } {
  const kept = new Map<string, http.Agent>();
  const agentOf = (proxy: URL | null, secure: boolean): http.Agent => {
    const key = `${proxy?.href} ${secure}`;
    let agent = kept.get(key);
    if (agent === undefined) {
      // As the SDK's own agents.
      const options = { keepAlive: true, maxSockets: 50 };
      if (proxy !== null) {
        agent = secure ? new HttpsProxyAgent(proxy, options) : new HttpProxyAgent(proxy, options);
      } else agent = secure ? new https.Agent(options) : new http.Agent(options);
      kept.set(key, agent);
    }
    return agent;
  };
  class EnvironmentAgent extends ChoosingAgent {
    override async connect(request: http.ClientRequest, { secureEndpoint }: AgentConnectOpts) {
      const scheme = secureEndpoint ? 'https' : 'http';
      return agentOf(proxyOf(`${scheme}://${request.getHeader('host') ?? request.host}`), secureEndpoint);
    }
    override destroy() {
      for (const agent of kept.values()) agent.destroy();
      super.destroy();
    }
  }
  const agent = new EnvironmentAgent();
  return { httpAgent: agent, httpsAgent: agent as unknown as https.Agent };
}

/** Proxies that the environment names, as they are spelt there. */
export function namedProxies(): readonly string[] {
  return Object.entries(process.env).flatMap(([name, value]) =>
    /^(https?|all)_proxy$/i.test(name) && value ? [value] : [],
  );
}
