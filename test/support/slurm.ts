import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts } from './radosgw.ts';

const run = promisify(execFile);

/** A Slurm cluster of one node, this machine. */
export interface SlurmCluster {
  /** Its configuration: `SLURM_CONF` for those who use it. */
  readonly configuration: string;
  /** A configuration whose controller is nowhere. */
  readonly unreachable: string;
  /** What a command of Slurm says. */
  ask(command: 'scontrol' | 'squeue' | 'scancel', ...args: readonly string[]): Promise<string>;
  /** The words `Key=value` that `scontrol show job` has for one job or task. */
  show(job: string): Promise<ReadonlyMap<string, string>>;
  /** Waits until all these jobs have ended, and gives the state of each record (`12_3 COMPLETED`). */
  untilEnded(jobs: readonly string[], timeoutMs: number): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly maxArraySize: number;
}

/**
 * Starts munge and Slurm with keys, sockets and folders of their own, on free ports, without systemd or accounting. All of
 * it lives in a process namespace that the kernel ends with this process, jobs included, however this process ends.
 */
export async function startSlurm(options: ClusterOptions): Promise<SlurmCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'frustum-slurm-'));
  const [controller, node] = (await freePorts(2)) as [number, number];
  const at = (name: string) => join(dir, name);
  await chmod(dir, 0o755);
  for (const name of ['munge', 'state', 'spool']) await mkdir(at(name));
  await writeFile(at('key'), randomBytes(128), { mode: 0o400 });
  const text = configuration(dir, controller, node, options);
  await writeFile(at('slurm.conf'), text);
  const [nowhere] = (await freePorts(1)) as [number];
  await writeFile(at('nowhere.conf'), `${text.replace(`=${controller}`, `=${nowhere}`)}MessageTimeout=2\n`);
  const machine = shortName();
  await writeFile(at('gres.conf'), `NodeName=${machine} Name=gpu File=/dev/null\n`);

  const script = `PATH=$PATH:/usr/sbin
munged --foreground --socket='${at('munge/socket')}' --key-file='${at('key')}' --log-file='${at('munged.log')}' \\
  --pid-file='${at('munged.pid')}' --seed-file='${at('munged.seed')}' &
until [ -S '${at('munge/socket')}' ]; do sleep 0.05; done
slurmctld -D -f '${at('slurm.conf')}' &
slurmd -D -f '${at('slurm.conf')}' &
wait`;
  const inNamespace = ['unshare', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', 'sh', '-c', script];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...inNamespace], { stdio: 'ignore' });
  const environment = { ...process.env, SLURM_CONF: at('slurm.conf') };
  const ask = async (command: string, ...args: readonly string[]) =>
    (await run(command, args, { env: environment, timeout: 30_000 })).stdout;
  const stop = async () => {
    await stopChild(child);
    await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
  const deadline = Date.now() + 30_000;
  while ((await ask('sinfo', '--noheader', '--format=%T').catch(() => '')).trim() !== 'idle') {
    if (Date.now() > deadline || child.exitCode !== null) {
      const logs = await Promise.all(
        ['slurmctld.log', 'slurmd.log', 'munged.log'].map((name) =>
          readFile(at(name), 'utf8').catch(() => ''),
        ),
      );
      await stop();
      throw new Error(`Slurm did not come up:\n${logs.join('\n').slice(-4000)}`);
    }
    await wait(100);
  }
  return {
    configuration: at('slurm.conf'),
    unreachable: at('nowhere.conf'),
    ask,
    show: async (job) => {
      const [line] = (await ask('scontrol', '--oneliner', 'show', 'job', job)).split('\n');
      const words = [...line!.matchAll(/(?<=^| )([A-Z][\w/:]*)=(.*?)(?= [A-Z][\w/:]*=|$)/g)];
      return new Map(words.map(([, key, value]) => [key!, value!.trim()]));
    },
    async untilEnded(jobs, timeoutMs) {
      const until = Date.now() + timeoutMs;
      for (;;) {
        const lines = (
          await ask(
            'squeue',
            '--noheader',
            '--array',
            '--states=all',
            '--format=%i %T',
            '--jobs',
            jobs.join(),
          )
        )
          .trim()
          .split('\n')
          .sort();
        const busy = lines.filter((line) => !/ (COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL)$/.test(line));
        if (busy.length === 0) return lines;
        if (Date.now() > until)
          throw new Error(`these jobs have not ended after ${timeoutMs} ms: ${busy.join('; ')}`);
        await wait(200);
      }
    },
    stop,
  };
}

/** Looks at jobs every second, and lets those that were put back into the queue begin after six. */
function configuration(
  dir: string,
  controller: number,
  node: number,
  { maxArraySize }: ClusterOptions,
): string {
  const user = userInfo().username;
  const machine = shortName();
  return `ClusterName=frustum
SlurmctldHost=${machine}(127.0.0.1)
SlurmctldPort=${controller}
SlurmdPort=${node}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=${dir}/munge/socket,cred_expire=5
SlurmUser=${user}
SlurmdUser=${user}
StateSaveLocation=${dir}/state
SlurmdSpoolDir=${dir}/spool
SlurmctldPidFile=${dir}/slurmctld.pid
SlurmdPidFile=${dir}/slurmd.pid
SlurmctldLogFile=${dir}/slurmctld.log
SlurmdLogFile=${dir}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
MaxArraySize=${maxArraySize}
GresTypes=gpu
NodeName=${machine} NodeAddr=127.0.0.1 CPUs=${Math.max(4, cpus().length)} RealMemory=64000 Gres=gpu:1
PartitionName=all Nodes=ALL Default=YES MaxTime=10 State=UP
`;
}

function shortName(): string {
  return hostname().split('.')[0]!;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
