import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type {
  AttemptDetail,
  EvaluateOnExit,
  JobDetail,
  JobStatus,
  ListJobsRequest,
  SubmitJobRequest,
  TerminateJobRequest,
} from '@aws-sdk/client-batch';

/** What a job definition says, as far as jobs here differ by it. */
export interface Definition {
  /** Arguments of `frustum`; `Ref::name` stands for a parameter. */
  readonly command: readonly string[];
  readonly parameters?: Readonly<Record<string, string>>;
  readonly attempts?: number;
  readonly evaluateOnExit?: readonly EvaluateOnExit[];
}

/** An attempt that has begun, and what may happen to its machine. */
export interface Attempt {
  readonly id: string;
  /** From 1. */
  readonly number: number;
  readonly index: number | null;
  readonly process: ChildProcess;
  /** The machine is taken away: SIGTERM, and Batch says that the host was lost. */
  reclaim(): void;
}

export interface BatchServerOptions {
  readonly queues: readonly string[];
  /** By ARN. */
  readonly definitions: Readonly<Record<string, Definition>>;
  /** Jobs that run at once; 0: none is ever begun. */
  readonly slots: number;
  /** What jobs find in their environment besides this process's. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly onStart?: (attempt: Attempt) => void;
}

/** A call and how it was answered. */
export interface Call {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly status: number;
}

/** What happens to a call instead of, or after, what it asks for. */
export type Fault = { readonly status: number; readonly type: string } | 'no answer' | 'answer lost';

export interface BatchServer {
  readonly url: string;
  readonly calls: readonly Call[];
  /** What jobs wrote, by log stream. */
  readonly logs: ReadonlyMap<string, string>;
  jobs(): readonly JobDetail[];
  job(id: string): JobDetail;
  /** Decides on the fate of calls, asked before each. */
  disturb(fault: (path: string, body: Record<string, unknown>) => Fault | null): void;
  /** Resolves once all jobs have ended. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Keys of a request that this server understands; others are refused, so that nothing is asked for in vain. */
const KEYS = [
  'jobName',
  'jobQueue',
  'jobDefinition',
  'arrayProperties',
  'dependsOn',
  'parameters',
  'containerOverrides',
  'tags',
  'propagateTags',
] as const satisfies readonly (keyof SubmitJobRequest)[];

const ENDED: readonly (JobStatus | undefined)[] = ['SUCCEEDED', 'FAILED'];
const STATUSES: readonly string[] = [
  'SUBMITTED',
  'PENDING',
  'RUNNABLE',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
];

class ClientException extends Error {}

interface Job {
  detail: JobDetail & { attempts: AttemptDetail[] };
  request: SubmitJobRequest;
  children: Job[];
  process: ChildProcess | null;
}

/**
 * A server that speaks AWS Batch's REST protocol (SubmitJob, DescribeJobs, ListJobs, TerminateJob), checks requests against the
 * limits that AWS documents, keeps jobs as Batch does (dependencies, arrays, retry rules), and runs them as processes of this
 * machine. Written after the API reference; AWS itself was never asked.
 */
export async function startBatchServer(options: BatchServerOptions): Promise<BatchServer> {
  const jobs = new Map<string, Job>();
  const calls: Call[] = [];
  const logs = new Map<string, string>();
  let disturb: (path: string, body: Record<string, unknown>) => Fault | null = () => null;
  let running = 0;
  let closed = false;
  const waiting: (() => void)[] = [];

  const find = (id: string | undefined) => {
    const job = jobs.get(id ?? '');
    if (job === undefined) throw new ClientException(`Job ${id} does not exist`);
    return job;
  };

  function submit(request: SubmitJobRequest): object {
    checkSubmission(request, options);
    for (const { jobId } of request.dependsOn ?? []) find(jobId);
    const jobId = randomUUID();
    const size = request.arrayProperties?.size;
    const make = (id: string, index: number | null): Job => ({
      request,
      children: [],
      process: null,
      detail: {
        jobId: id,
        jobName: request.jobName,
        jobQueue: request.jobQueue,
        jobDefinition: request.jobDefinition,
        status: 'SUBMITTED',
        startedAt: 0,
        createdAt: Date.now(),
        attempts: [],
        ...(request.parameters && { parameters: request.parameters }),
        ...(request.tags && { tags: request.tags }),
        ...(request.dependsOn && { dependsOn: request.dependsOn }),
        ...(index !== null && { arrayProperties: { index } }),
      },
    });
    const job = make(jobId, null);
    jobs.set(jobId, job);
    for (let index = 0; index < (size ?? 0); index++) {
      const child = make(`${jobId}:${index}`, index);
      job.children.push(child);
      jobs.set(child.detail.jobId!, child);
    }
    advance();
    return { jobId, jobName: request.jobName };
  }

  function describe(ids: unknown): object {
    if (!Array.isArray(ids) || ids.length < 1 || ids.length > 100) throw new ClientException('1 to 100 jobs');
    return { jobs: ids.flatMap((id) => (jobs.has(id) ? [shown(jobs.get(id)!)] : [])) };
  }

  function list(request: ListJobsRequest): object {
    const { jobQueue, arrayJobId, jobStatus = 'RUNNING', filters, maxResults = 1000, nextToken } = request;
    if ((jobQueue === undefined) === (arrayJobId === undefined)) {
      throw new ClientException('exactly one of jobQueue and arrayJobId');
    }
    if (maxResults < 1 || maxResults > 1000) throw new ClientException('maxResults: 1 to 1000');
    if (!STATUSES.includes(jobStatus)) throw new ClientException('jobStatus');
    if ((filters?.length ?? 0) > 1) throw new ClientException('one filter');
    const [filter] = filters ?? [];
    if (filter !== undefined && (filter.name !== 'JOB_NAME' || arrayJobId !== undefined)) {
      throw new ClientException('only JOB_NAME is known here, and not for children');
    }
    const pool =
      arrayJobId === undefined
        ? [...jobs.values()].filter(
            (job) => job.request.jobQueue === jobQueue && !job.detail.jobId!.includes(':'),
          )
        : find(arrayJobId).children;
    const name = filter?.values?.[0]?.toLowerCase();
    const found = pool.filter(({ detail }) =>
      filter === undefined ? detail.status === jobStatus : detail.jobName!.toLowerCase() === name,
    );
    const from = Number(nextToken ?? 0);
    return {
      jobSummaryList: found
        .slice(from, from + maxResults)
        .map(({ detail: { jobId, jobName, status } }) => ({ jobId, jobName, status })),
      ...(found.length > from + maxResults && { nextToken: String(from + maxResults) }),
    };
  }

  function terminate({ jobId, reason }: TerminateJobRequest): object {
    if (typeof reason !== 'string' || reason.length > 1024) throw new ClientException('reason');
    const job = find(jobId);
    for (const one of job.children.length > 0 ? job.children : [job]) {
      if (ENDED.includes(one.detail.status)) continue;
      if (one.process !== null) one.process.kill('SIGTERM');
      one.detail.status = 'FAILED';
      one.detail.statusReason = reason;
    }
    advance();
    return {};
  }

  /** Moves every job on as far as it goes by itself. */
  function advance(): void {
    for (const job of jobs.values()) {
      const { detail } = job;
      if (job.children.length > 0 && !ENDED.includes(detail.status)) {
        const all = job.children.map((child) => child.detail.status);
        if (all.every((status) => ENDED.includes(status))) {
          detail.status = all.includes('FAILED') ? 'FAILED' : 'SUCCEEDED';
          if (detail.status === 'FAILED') detail.statusReason = 'Array Child Job failed';
        } else detail.status = 'PENDING';
      }
    }
    for (const job of jobs.values()) {
      const { detail, request } = job;
      if (detail.status !== 'SUBMITTED' && !(detail.status === 'PENDING' && job.children.length === 0))
        continue;
      const needed = (request.dependsOn ?? []).map(({ jobId }) => find(jobId).detail.status);
      if (needed.includes('FAILED')) {
        detail.status = 'FAILED';
        detail.statusReason = 'Dependent Job failed';
      } else detail.status = needed.every((status) => status === 'SUCCEEDED') ? 'RUNNABLE' : 'PENDING';
    }
    for (const job of jobs.values()) {
      if (closed || running >= options.slots) break;
      if (job.detail.status === 'RUNNABLE' && job.children.length === 0) start(job);
    }
    if (running === 0 && [...jobs.values()].every(({ detail }) => ENDED.includes(detail.status))) {
      for (const resolve of waiting.splice(0)) resolve();
    }
  }

  function start(job: Job): void {
    const { detail, request } = job;
    const definition = options.definitions[request.jobDefinition!]!;
    const parameters = { ...definition.parameters, ...request.parameters };
    const command = [...(request.containerOverrides?.command ?? definition.command)].map((word) =>
      word.startsWith('Ref::') ? (parameters[word.slice(5)] ?? word) : word,
    );
    const number = detail.attempts.length + 1;
    const index = detail.arrayProperties?.index ?? null;
    const env: NodeJS.ProcessEnv = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_BATCH_')),
    );
    const child = spawn(process.execPath, [resolve('bin/frustum.js'), ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...env,
        ...options.environment,
        AWS_BATCH_JOB_ID: detail.jobId!,
        AWS_BATCH_JOB_ATTEMPT: String(number),
        ...(index !== null && { AWS_BATCH_JOB_ARRAY_INDEX: String(index) }),
      },
    });
    running++;
    job.process = child;
    detail.status = 'RUNNING';
    const logStreamName = `job/default/${randomUUID().replaceAll('-', '')}`;
    logs.set(logStreamName, '');
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        logs.set(logStreamName, logs.get(logStreamName) + text);
      });
    }
    let lost = false;
    const reclaim = () => {
      lost = true;
      child.kill('SIGTERM');
    };
    options.onStart?.({ id: detail.jobId!, number, index, process: child, reclaim });
    child.once('close', (code, signal) => {
      running--;
      job.process = null;
      // A signal's number above 128, as a container's end is told.
      const exitCode = code ?? (signal === 'SIGKILL' ? 137 : 143);
      const statusReason = lost
        ? 'Host EC2 (instance i-0123456789abcdef0) terminated.'
        : 'Essential container in task exited';
      detail.attempts.push({ statusReason, container: { logStreamName, exitCode } });
      if (!ENDED.includes(detail.status)) {
        const again =
          (exitCode !== 0 || lost) &&
          number < (definition.attempts ?? 1) &&
          decide(definition.evaluateOnExit ?? [], statusReason, exitCode) === 'RETRY';
        detail.status = again ? 'RUNNABLE' : exitCode === 0 ? 'SUCCEEDED' : 'FAILED';
        if (!again) detail.statusReason = statusReason;
      }
      advance();
    });
  }

  const server = createServer((incoming, answer) => {
    void bodyOf(incoming).then((text) => {
      const path = incoming.url!.replace('/v1/', '');
      const body = JSON.parse(text) as Record<string, unknown>;
      const reply = (status: number, data: object, type?: string) => {
        calls.push({ path, body, status });
        answer.writeHead(status, {
          'content-type': 'application/json',
          ...(type !== undefined && { 'x-amzn-errortype': type }),
        });
        answer.end(JSON.stringify(data));
      };
      const fault = disturb(path, body);
      if (fault === 'no answer') return incoming.socket.destroy();
      if (fault !== null && fault !== 'answer lost')
        return reply(fault.status, { message: fault.type }, fault.type);
      try {
        const scope = incoming.headers.authorization ?? '';
        if (!/^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/eu-central-1\/batch\/aws4_request,/.test(scope)) {
          throw new ClientException(`not signed for Batch in this region: ${scope.slice(0, 80)}`);
        }
        if (incoming.method !== 'POST') throw new ClientException('POST');
        if (path === 'submitjob' && Buffer.byteLength(text) > 30 * 1024)
          throw new ClientException('over 30 KiB');
        const operations: Record<string, () => object> = {
          submitjob: () => submit(body as unknown as SubmitJobRequest),
          describejobs: () => describe(body.jobs),
          listjobs: () => list(body as ListJobsRequest),
          terminatejob: () => terminate(body as unknown as TerminateJobRequest),
        };
        const data = operations[path]!();
        if (fault === 'answer lost') return incoming.socket.destroy();
        reply(200, data);
      } catch (error) {
        if (!(error instanceof ClientException)) throw error;
        reply(400, { message: error.message }, 'ClientException');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    logs,
    jobs: () => [...jobs.values()].map(shown),
    job: (id) => shown(find(id)),
    disturb(fault) {
      disturb = fault;
    },
    idle: () =>
      new Promise((done) => {
        waiting.push(done);
        advance();
      }),
    async close() {
      closed = true;
      const ends = [...jobs.values()].flatMap(({ process: child }) => {
        if (child === null) return [];
        const end = once(child, 'close');
        child.kill('SIGKILL');
        return [end];
      });
      await Promise.all(ends);
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function shown({ detail, children }: Job): JobDetail {
  if (children.length === 0) return detail;
  const statusSummary: Record<string, number> = Object.fromEntries(STATUSES.map((status) => [status, 0]));
  for (const child of children) statusSummary[child.detail.status!]!++;
  return { ...detail, arrayProperties: { size: children.length, statusSummary } };
}

/** @throws ClientException where the API reference says that Batch refuses */
function checkSubmission(request: SubmitJobRequest, { queues, definitions }: BatchServerOptions): void {
  const check = (right: boolean, what: string) => {
    if (!right) throw new ClientException(`refused: ${what}`);
  };
  const odd = Object.keys(request).filter((key) => !(KEYS as readonly string[]).includes(key));
  check(odd.length === 0, `keys ${odd.join(', ')}`);
  const {
    jobName,
    jobQueue,
    jobDefinition,
    arrayProperties,
    dependsOn = [],
    parameters = {},
    tags = {},
  } = request;
  check(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(jobName ?? ''), 'jobName');
  check(queues.includes(jobQueue ?? ''), 'jobQueue');
  check(definitions[jobDefinition ?? ''] !== undefined, 'jobDefinition');
  if (arrayProperties !== undefined) {
    const size = arrayProperties.size ?? 0;
    check(Number.isInteger(size) && size >= 2 && size <= 10_000, 'array size');
  }
  check(dependsOn.length <= 20, 'dependsOn');
  const texts = (record: Record<string, unknown>) =>
    Object.values(record).every((value) => typeof value === 'string');
  check(texts(parameters), 'parameters');
  const pairs = Object.entries(tags);
  const plain = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;
  check(pairs.length <= 50 && texts(tags), 'tags');
  for (const [key, value] of pairs) {
    check(key.length >= 1 && key.length <= 128 && plain.test(key) && !/^aws:/i.test(key), `tag ${key}`);
    check(value.length <= 256 && plain.test(value), `value of tag ${key}`);
  }
  const command = request.containerOverrides?.command ?? [];
  check(command.every((word) => typeof word === 'string') && command.join(' ').length <= 8192, 'command');
}

/** The first rule that fits in full, else again (API reference of `EvaluateOnExit`). */
function decide(rules: readonly EvaluateOnExit[], statusReason: string, exitCode: number): string {
  const fits = (pattern: string | undefined, value: string) =>
    pattern === undefined ||
    (pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern);
  const rule = rules.find(
    (one) =>
      fits(one.onStatusReason, statusReason) &&
      fits(one.onExitCode, String(exitCode)) &&
      fits(one.onReason, ''),
  );
  return rule?.action ?? 'RETRY';
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  return text;
}
