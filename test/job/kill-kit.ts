import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import type { JobPlan } from '../../src/index.ts';
import { JOB_COMMANDS } from '../../src/job/contract.ts';

/** Numbers in 0 to 1 that a seed decides. */
export function createRandom(seed: number | string): () => number {
  let drawn = 0;
  return () => createHash('sha256').update(`${seed} ${drawn++}`).digest().readUInt32LE(0) / 2 ** 32;
}

/** The seed of this run: `FRUSTUM_KILL_SEED`, or another one each time; it is printed. */
export function drawSeed(): number {
  const seed = Number(process.env.FRUSTUM_KILL_SEED ?? 1 + Math.floor(Math.random() * 1e6));
  process.stderr.write(`kills: FRUSTUM_KILL_SEED=${seed}\n`);
  return seed;
}

/** What a process was at when it was killed, as seen from outside. */
type Phase = 'start' | 'mapping' | 'pyramid' | 'rows' | 'assembling' | 'placing' | 'uploading' | 'any';

export interface KillRounds {
  /** What is done again and again, each time in a place of its own. */
  readonly plan: JobPlan;
  /** The place of a round: a folder or an s3: URL. */
  readonly placeOf: (round: number) => string;
  /** A folder for plan files, and the temporary files of the processes. */
  readonly dir: string;
  readonly tmp: string;
  readonly seed: number;
  /** Goes on until so many processes were killed, shards and merges among them. */
  readonly kills: number;
  /** Looks at what a round came to. */
  readonly check: (place: string) => Promise<void>;
}

/**
 * Does a plan over and over, killing the processes of its shards and of its merge at moments that the seed draws: some
 * time after a phase began. Each is started again until it ends by itself; then comes the next.
 */
export async function killAgain(rounds: KillRounds): Promise<void> {
  const { plan, placeOf, seed, kills } = rounds;
  const random = createRandom(seed);
  const counts: Record<string, number> = {};
  const killed = { shard: 0, merge: 0 };
  const enough = () => killed.shard + killed.merge >= kills && killed.shard > 0 && killed.merge > 0;
  for (let round = 0; !enough(); round++) {
    const place = placeOf(round);
    const file = join(rounds.dir, `plan-${round}.json`);
    await writeFile(file, JSON.stringify({ ...plan, to: place }));
    const steps = [...Array.from({ length: plan.shardCount }, (_, index) => index), 'merge' as const];
    for (const step of steps) {
      const wanted = 1 + Math.floor(random() * 5);
      for (let attempt = 0; ; attempt++) {
        const args =
          step === 'merge'
            ? JOB_COMMANDS.merge(file)
            : [...JOB_COMMANDS.runShard(file), '--index', String(step), '--checkpoint-seconds', '0'];
        const phases = phasesOf(step === 'merge', place.startsWith('s3:'), plan.settings.sampling);
        const kill = {
          signal: random() < 0.5 ? ('SIGKILL' as const) : ('SIGTERM' as const),
          phase: phases[Math.floor(random() * phases.length)]!,
          delayMs: random() ** 2 * 900,
        };
        const spared = attempt >= wanted;
        const hit = await runAndKill(args, rounds, place, spared ? null : kill);
        if (hit) {
          const kind = step === 'merge' ? 'merge' : 'shard';
          killed[kind]++;
          const name = `${kind} ${kill.phase} ${kill.signal}`;
          counts[name] = (counts[name] ?? 0) + 1;
        } else break;
      }
    }
    await rounds.check(place);
  }
  process.stderr.write(`kills: ${killed.shard + killed.merge}: ${JSON.stringify(counts)}\n`);
}

function phasesOf(merge: boolean, remote: boolean, sampling: string): readonly Phase[] {
  if (merge) return remote ? ['start', 'assembling', 'uploading'] : ['start', 'assembling', 'placing', 'any'];
  if (remote) return ['start', 'any'];
  return ['start', 'mapping', 'rows', 'any', ...(sampling === 'pyramid' ? (['pyramid'] as const) : [])];
}

/** Loaded before the command: says when somebody has begun to listen to SIGTERM, and when Node.js takes itself down. */
const TELL_LISTENING = `data:text/javascript,${encodeURIComponent(
  `import fs from 'node:fs';
  process.on('newListener', (name) => name === 'SIGTERM' && setImmediate(() => fs.writeSync(2, 'listening\\n')));
  process.on('exit', () => fs.writeSync(2, 'leaving\\n'));`,
)}`;

/** Starts a process, kills it if told, and tells whether it was; one that was not must have ended well. */
async function runAndKill(
  args: readonly string[],
  { tmp }: KillRounds,
  place: string,
  kill: { signal: NodeJS.Signals; phase: Phase; delayMs: number } | null,
): Promise<boolean> {
  const child = spawn(process.execPath, ['--import', TELL_LISTENING, resolve('bin/frustum.js'), ...args], {
    env: { ...process.env, TMPDIR: tmp },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const end = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let over = false;
  void end.then(() => {
    over = true;
  });
  let asked = 0;
  let heard = false;
  if (kill !== null) {
    while (!over && !isAt(kill.phase, child.pid!, place, tmp)) await wait(4);
    await Promise.race([wait(kill.phase === 'any' ? kill.delayMs * 3 : kill.delayMs), end]);
    if (!over) {
      asked = performance.now();
      heard = stderr.includes('listening');
      child.kill(kill.signal);
    }
  }
  const [status, signal] = await end;
  if (kill?.signal === 'SIGTERM' && asked > 0) {
    expect(performance.now() - asked, stderr).toBeLessThan(20_000);
    // Before Node itself is up, and once its work is done and it takes itself down, nobody listens.
    if (heard && !stderr.includes('leaving\n')) expect([0, 75], stderr).toContain(status);
    return status !== 0;
  }
  if (signal === 'SIGKILL' && asked > 0) return true;
  expect({ status, signal }, stderr).toEqual({ status: 0, signal: null });
  return false;
}

function isAt(phase: Phase, pid: number, place: string, tmp: string): boolean {
  if (phase === 'start' || phase === 'any') return true;
  const remote = place.startsWith('s3:');
  const names = namesBelow(remote ? tmp : place);
  const mine = (pattern: RegExp) => names.some((name) => pattern.test(name) && name.includes(`-${pid}-`));
  switch (phase) {
    case 'mapping':
      return names.some((name) => name.endsWith('state.json') && saysPid(join(place, name), pid));
    case 'rows':
      return mine(/\.rows\.[^/]*\.part$/);
    case 'pyramid':
      return mine(/^shards\/[^/]*\.pyramid\./);
    case 'assembling':
      return remote
        ? mine(/^\.frustum-merge[^/]*\/\./)
        : names.some((name) => !name.startsWith('shards/') && name.includes(`-${pid}-`));
    case 'placing':
      return names.some((name) => /^(?!shards\/)[^/]+\/[^./][^/]*$/.test(name));
    case 'uploading':
      return mine(/^\.frustum-merge[^/]*\/run\.json$/);
  }
}

function namesBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    // Files come and go while it is read.
    return [];
  }
}

function saysPid(path: string, pid: number): boolean {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).pid === pid;
  } catch {
    return false;
  }
}

/** Names of what was begun and not finished below a folder. */
export async function leftoversIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => /\.part|-journal$|-wal$|\.frustum-/.test(name));
}
