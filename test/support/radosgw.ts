import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { S3Client } from '@aws-sdk/client-s3';

const run = promisify(execFile);

/** A user of the store. */
export interface StoreUser {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** An S3 server of one's own. */
export interface S3Store {
  readonly endpoint: string;
  /** May do everything. */
  readonly owner: StoreUser;
  /** Known, but owns nothing. */
  readonly stranger: StoreUser;
  /** A client of the owner, to put things there. */
  readonly client: S3Client;
  stop(): Promise<void>;
}

/**
 * Starts Ceph's S3 gateway with all that it needs, one monitor and one object server in memory, in a private folder and
 * on free ports of this machine, without systemd and as any user. They end with this process, even if it is killed.
 */
export async function startS3Store(): Promise<S3Store> {
  const dir = await mkdtemp(join(tmpdir(), 'frustum-s3-'));
  const running: ChildProcess[] = [];
  const stop = async () => {
    for (const child of running.reverse()) await stopChild(child);
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    return await start(dir, running, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(dir: string, running: ChildProcess[], stop: () => Promise<void>): Promise<S3Store> {
  const [monitorPort, port] = await freePorts(2);
  const id = randomUUID();
  const address = `[v2:127.0.0.1:${monitorPort}/0]`;
  const at = (name: string) => join(dir, name);
  await mkdir(at('mon'));
  await mkdir(at('osd'));
  await writeFile(at('ceph.conf'), configuration(dir, id, address));
  const ceph = (command: string, ...args: string[]) =>
    run(command, ['-c', at('ceph.conf'), ...args], { timeout: 60_000 });
  const launch = (command: string, ...args: string[]) => {
    // The kernel ends the server when this process goes, however it goes.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, '-c', at('ceph.conf'), '-f', ...args], {
      stdio: 'ignore',
    });
    running.push(child);
  };

  const all = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *'];
  await run('ceph-authtool', [
    '--create-keyring',
    at('keyring'),
    '--gen-key',
    '-n',
    'mon.',
    '--cap',
    'mon',
    'allow *',
  ]);
  for (const name of ['client.admin', 'osd.0']) {
    await run('ceph-authtool', [at('keyring'), '--gen-key', '-n', name, ...all]);
  }
  await run('monmaptool', ['--create', '--addv', 'a', address, '--fsid', id, at('monmap')]);
  await ceph('ceph-mon', '--mkfs', '-i', 'a', '--monmap', at('monmap'), '--keyring', at('keyring'));
  launch('ceph-mon', '-i', 'a');
  await ceph('ceph', '--connect-timeout', '30', 'osd', 'create');
  await ceph('ceph-osd', '--mkfs', '-i', '0');
  launch('ceph-osd', '-i', '0');

  const owner = { accessKeyId: 'OWNERKEY', secretAccessKey: randomUUID() };
  const stranger = { accessKeyId: 'STRANGERKEY', secretAccessKey: randomUUID() };
  for (const [name, user] of Object.entries({ owner, stranger })) {
    const keys = [`--access-key=${user.accessKeyId}`, `--secret=${user.secretAccessKey}`];
    await ceph('radosgw-admin', 'user', 'create', `--uid=${name}`, `--display-name=${name}`, ...keys);
  }
  launch('radosgw', '-n', 'client.admin', `--rgw-frontends=beast endpoint=127.0.0.1:${port}`);
  const endpoint = `http://127.0.0.1:${port}`;
  await untilAnswers(endpoint, running);
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: owner,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  return {
    endpoint,
    owner,
    stranger,
    client,
    async stop() {
      client.destroy();
      await stop();
    },
  };
}

/** One copy of everything, tiny pools, and no waiting for others to agree. */
function configuration(dir: string, id: string, address: string): string {
  return `[global]
fsid = ${id}
mon host = ${address}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
keyring = ${dir}/keyring
run dir = ${dir}
crash dir = ${dir}
log file = ${dir}/$name.log
admin socket =
pid file =
mon data = ${dir}/mon
mon data avail crit = 1
mon data avail warn = 1
paxos propose interval = 0.05
osd data = ${dir}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd crush chooseleaf type = 0
osd max object name len = 256
osd max object namespace len = 64
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
`;
}

async function untilAnswers(endpoint: string, running: readonly ChildProcess[]): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const dead = running.find((child) => child.exitCode !== null || child.signalCode !== null);
    if (dead !== undefined) throw new Error(`${dead.spawnargs.join(' ')} ended by itself`);
    const answer = await fetch(endpoint, { signal: AbortSignal.timeout(2000) }).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.status === 200) return;
    if (Date.now() > deadline) throw new Error('the S3 gateway did not come up within a minute');
    await wait(100);
  }
}

/** Nothing of the store is kept, so it need not be asked kindly. */
async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/**
 * Ports of this machine that nobody listens on. Not from where the system itself draws: the servers listen seconds later,
 * and until then any connection that begins could have been given one of those.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(10_000, 32_768);
    const server = createServer().listen(port, '127.0.0.1');
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!free) continue;
    ports.add(port);
    server.close();
    await once(server, 'close');
  }
  return [...ports];
}
