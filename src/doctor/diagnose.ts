import { tmpdir } from 'node:os';
import type { S3Options } from '../io/source-options.ts';
import type { Provider } from '../model/protocol.ts';
import { checkBucket } from './check-bucket.ts';
import { checkDisk } from './check-disk.ts';
import { checkGpus } from './check-gpus.ts';
import { checkIdentity } from './check-identity.ts';
import { checkMemory, checkProcessors } from './check-limits.ts';
import { checkModel } from './check-model.ts';
import { checkNode } from './check-node.ts';
import { checkProvider } from './check-provider.ts';
import type { Finding } from './finding.ts';
import { readLimits } from './read-limits.ts';

export interface DiagnoseOptions {
  /** The provider that runs will use: it must work. The others may. */
  readonly provider: Provider;
  /** Model folders whose files are compared with their manifests. */
  readonly models: readonly string[];
  /** Where outputs will go, on disk. */
  readonly out: string;
  /** `s3://BUCKET/PREFIX` that must be readable. */
  readonly buckets: readonly string[];
  /** The buckets must be writable too. */
  readonly write: boolean;
  /** Asks nothing over the network but the buckets. */
  readonly offline: boolean;
  readonly s3: S3Options;
  readonly signal?: AbortSignal;
}

const PROVIDERS: readonly Provider[] = ['cpu', 'cuda', 'webgpu'];

/** Looks at everything that a run needs of its machine; never throws for what it finds. Providers are tried one after the other. */
export async function diagnose(options: DiagnoseOptions): Promise<Finding[]> {
  const { provider, signal } = options;
  const limits = await readLimits();
  const findings: Finding[] = [
    checkNode(process.versions.node, `${process.platform}-${process.arch}`),
    checkProcessors(limits),
    checkMemory(limits),
    await checkDisk('output folder', options.out),
    await checkDisk('temporary files', tmpdir()),
    await checkGpus(provider === 'cuda'),
  ];
  for (const candidate of PROVIDERS) {
    signal?.throwIfAborted();
    findings.push(await checkProvider(candidate, candidate === provider, signal));
  }
  for (const dir of options.models) findings.push(await checkModel(dir));
  signal?.throwIfAborted();
  if (!options.offline && options.s3.anonymous !== true)
    findings.push(await checkIdentity(options.s3.region));
  for (const url of options.buckets) findings.push(await checkBucket(url, options.write, options.s3));
  return findings;
}
