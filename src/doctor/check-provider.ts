import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Provider } from '../model/protocol.ts';
import type { Finding } from './finding.ts';

/** What a child that tried a provider says. */
export interface ProviderReply {
  readonly works: boolean;
  readonly reason: string | null;
}

/** A first CUDA session may have to load gigabytes of libraries. */
const PATIENCE_MS = 60_000;

const ADVICE: Readonly<Record<Provider, string>> = {
  cpu: 'install the dependencies again (npm ci); onnxruntime-node has no binaries for every platform',
  cuda: 'it needs an NVIDIA driver (nvidia-smi shows it), CUDA 12, cuDNN 9 and the provider files: ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js; containers also need the NVIDIA runtime (docker run --gpus all)',
  webgpu: 'it needs a GPU with a Vulkan driver and loader (libvulkan.so.1)',
};

/**
 * Whether onnxruntime can run the network's operators on a provider; tried in a child process.
 * @param needed whether a run is to use it; else its absence is no fault
 */
export async function checkProvider(
  provider: Provider,
  needed: boolean,
  signal?: AbortSignal,
): Promise<Finding> {
  const name = `onnxruntime ${provider}`;
  const { works, reason } = await askChild(provider, signal);
  if (works) return { name, state: 'ok', found: `${runtimeVersion()}, computes`, advice: null };
  return needed
    ? { name, state: 'problem', found: `does not work: ${reason}`, advice: ADVICE[provider] }
    : {
        name,
        state: 'skipped',
        found: `not available here (${shorten(reason ?? '')}); only --provider ${provider} needs it`,
        advice: null,
      };
}

async function askChild(provider: Provider, signal: AbortSignal | undefined): Promise<ProviderReply> {
  const extension = extname(import.meta.url);
  const path = fileURLToPath(new URL(`./provider-child${extension}`, import.meta.url));
  const child = fork(path, [provider], {
    // From source (the tests) the child is TypeScript too and needs the same loader.
    execArgv: extension === '.ts' ? ['--import', 'tsx'] : [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = `${words}${text}`.slice(-4000);
  });
  const stop = () => child.kill('SIGKILL');
  const timer = setTimeout(stop, PATIENCE_MS);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  try {
    return await new Promise<ProviderReply>((resolve) => {
      child.once('message', (reply: ProviderReply) => resolve(reply));
      child.once('error', (error) => resolve({ works: false, reason: error.message }));
      child.once('close', (code, how) => {
        const last = words.trim().split('\n').at(-1) ?? '';
        resolve({
          works: false,
          reason: `trying it ended its process (${how ?? `exit code ${code}`})${last === '' ? '' : `: ${last}`}`,
        });
      });
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

function runtimeVersion(): string {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return version;
}

function shorten(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}
