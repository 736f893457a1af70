import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sbatchArguments } from '../../src/job/engine-slurm-arguments.ts';
import { arrayLimitsOf, rangesOf, splitArrays } from '../../src/job/engine-slurm-arrays.ts';
import { quoteWord, writeSlurmScript } from '../../src/job/engine-slurm-script.ts';

/** Tasks of a range text such as `0-2,5`. */
function tasksOf(ranges: string): number[] {
  return ranges.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number) as [number, number?];
    return Array.from({ length: to! - from + 1 }, (_, i) => from + i);
  });
}

describe('arrays of shards', () => {
  it('hold each shard once, in order, within what the cluster allows', () => {
    const shards = fc
      .uniqueArray(fc.nat({ max: 400 }), { minLength: 1, maxLength: 120 })
      .map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(shards, fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 90 }), (list, a, b) => {
        const limits = { size: Math.max(a, b), tasks: Math.min(a, b) };
        const arrays = splitArrays(list, limits);
        const told = arrays.flatMap((array) => tasksOf(rangesOf(array)).map((task) => array.offset + task));
        expect(told).toEqual(list);
        for (const array of arrays) {
          const tasks = tasksOf(rangesOf(array));
          expect(tasks.length).toBeLessThanOrEqual(limits.tasks);
          expect(Math.min(...tasks)).toBeGreaterThanOrEqual(0);
          expect(Math.max(...tasks)).toBeLessThan(limits.size);
        }
      }),
    );
  });

  it('are as few as possible, and number tasks as shards while they can', () => {
    const all = Array.from({ length: 2500 }, (_, i) => i);
    const arrays = splitArrays(all, { size: 1001, tasks: 1001 });
    expect(arrays.map((array) => [array.offset, rangesOf(array)])).toEqual([
      [0, '0-1000'],
      [1001, '0-1000'],
      [2002, '0-497'],
    ]);
    expect(splitArrays([5, 6, 900], { size: 1001, tasks: 2 })).toEqual([
      { offset: 0, shards: [5, 6] },
      { offset: 0, shards: [900] },
    ]);
    expect(rangesOf({ offset: 10, shards: [10, 12, 13, 14, 20] })).toBe('0,2-4,10');
  });

  it('reads what the cluster allows; 1001 where it does not say', () => {
    const config = 'MaxArraySize            = 4001\nSchedulerParameters     = bf_interval=1';
    expect(arrayLimitsOf(config)).toEqual({ size: 4001, tasks: 4001 });
    expect(arrayLimitsOf(`${config},max_array_tasks=500\n`)).toEqual({ size: 4001, tasks: 500 });
    expect(arrayLimitsOf('KillWait = 30 sec')).toEqual({ size: 1001, tasks: 1001 });
  });
});

describe('options of sbatch', () => {
  it('may be several in one text', () => {
    expect(
      sbatchArguments(['--partition=gpu  --account=x', '-pgpu', '--comment=two words', ' '], '--sbatch'),
    ).toEqual(['--partition=gpu', '--account=x', '-pgpu', '--comment=two words']);
  });

  it.each(['gpu', '--partition gpu', '-p gpu', '-', '--', '--=x', '-Ha1-3', 'job.sh --partition=gpu'])(
    '%s is none: sbatch might take a word of it for its script',
    (text) => {
      expect(() => sbatchArguments([text], '--sbatch')).toThrow(
        /--sbatch .*values in the same word, such as --partition=gpu/,
      );
    },
  );

  it.each([
    '--array=0-3',
    '--arr=0-3',
    '-a0',
    '--wait',
    '-W',
    '--dependency=afterok:1',
    '--wrap=true',
    '--output=x',
    '--job-name=x',
    '--test-only',
    '--parsable',
  ])('%s is given by the submission', (text) => {
    expect(() => sbatchArguments(['--mem=1G', text], '--sbatch')).toThrow(/given by the submission itself/);
  });

  it('of another cluster: says how to choose it', () => {
    expect(() => sbatchArguments(['--clusters=b'], '--sbatch')).toThrow(/SLURM_CLUSTERS/);
  });
});

describe('the batch script', () => {
  it('hands words to the command as they are', () => {
    const word = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));
    const odd = fc.constantFrom(
      `it's`,
      '"',
      '$HOME',
      '`id`',
      '\\',
      'ü \n#SBATCH --array=0',
      '%',
      '',
      '-n',
      '!',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, odd), { maxLength: 60 }), (words) => {
        const script = `printf '%s\\0' begin ${words.map(quoteWord).join(' ')}`;
        const said = execFileSync('bash', ['-c', script]);
        expect(said.toString('utf8').split('\0').slice(1, -1)).toEqual(
          words.map((text) => Buffer.from(text).toString('utf8')),
        );
      }),
      { numRuns: 12 },
    );
  });

  it.each([
    ['done', 0, 'RUNNING', '1', 0, []],
    ['failed', 1, 'RUNNING', '0', 1, []],
    ['wrong usage', 2, 'RUNNING', '0', 2, []],
    ['try again', 75, 'RUNNING', '0', 75, ['show', 'requeue 7_3']],
    ['ended by SIGTERM before it listened', 143, 'RUNNING', '1', 143, ['show', 'requeue 7_3']],
    ['try again, for the last time', 75, 'RUNNING', '2', 75, ['show']],
    ['cancelled', 75, 'COMPLETING', '0', 75, ['show']],
    ['try again, without a controller', 75, '', '0', 75, ['show']],
  ] as const)('%s (%i)', (_, code, state, restarts, expected, calls) => {
    const script = writeSlurmScript({
      title: 'test',
      offset: 10,
      command: ['bash', '-c', `echo "$@"; exit ${code}`, 'it'],
      attempts: 3,
    });
    const controller = `scontrol() {
  [ "$1" = requeue ] && echo "called requeue $2" && return
  echo 'called show' >&2
  ${state === '' ? 'return 1' : `echo 'JobId=9 JobState=${state} Reason=None'`}
}
`;
    const task = { SLURM_ARRAY_JOB_ID: '7', SLURM_ARRAY_TASK_ID: '3', SLURM_RESTART_COUNT: restarts };
    const { status, said } = runScript(controller + script, task);
    expect(status).toBe(expected);
    expect(said).toContain('--index 13\n');
    expect(said).toContain(`frustum: shard 13, attempt ${Number(restarts) + 1} on `);
    expect([...said.matchAll(/called (.*)/g)].map(([, call]) => call).sort()).toEqual([...calls].sort());
  });
});

describe('the batch script, told to stop', () => {
  // As Slurm does it: the script alone, or every process of the job in whatever order.
  it.each(['script', 'script and command', 'command and script'])(
    "hands the command's exit code on: %s",
    async (who) => {
      const folder = await mkdtemp(join(tmpdir(), 'frustum-slurm-stop-'));
      const path = join(folder, 'script.sh');
      const command = ['bash', '-c', `trap 'kill $!; exit 9' TERM; echo up $$; sleep 60 & wait`];
      await writeFile(path, writeSlurmScript({ title: 'test', offset: null, command, attempts: 3 }));
      try {
        for (let i = 0; i < 12; i++) {
          const script = spawn('bash', [path], { env: { ...process.env, SLURM_JOB_ID: '1' } });
          let said = '';
          script.stdout.setEncoding('utf8').on('data', (text: string) => {
            said += text;
          });
          while (!said.includes('up')) await once(script.stdout, 'data');
          const pids = { script: script.pid!, command: Number(/up (\d+)/.exec(said)![1]) };
          for (const name of who.split(' and ') as (keyof typeof pids)[]) process.kill(pids[name], 'SIGTERM');
          expect(await once(script, 'exit')).toEqual([9, null]);
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});

describe('the batch script of a merge', () => {
  it('adds nothing to the command, and is put back by its own number', () => {
    const script = writeSlurmScript({
      title: 'test',
      offset: null,
      command: ['bash', '-c', 'echo "[$*]"; exit 75', 'it', 'x'],
      attempts: 3,
    });
    const controller =
      'scontrol() { echo "called $1 JobState=RUNNING $2" >&2; echo " JobState=RUNNING "; }\n';
    const { status, said } = runScript(controller + script, { SLURM_JOB_ID: '12' });
    expect(status).toBe(75);
    expect(said).toContain('[x]\n');
    expect(said).toMatch(/frustum: merge, attempt 1 on .*: ended with 75: back into the queue\n/);
    expect(said).toContain('called requeue JobState=RUNNING 12\n');
  });
});

function runScript(script: string, environment: Record<string, string>): { status: number; said: string } {
  const wrapped = `exec 2>&1\n${script}`;
  try {
    const said = execFileSync('bash', ['-c', wrapped], { env: { ...process.env, ...environment } });
    return { status: 0, said: said.toString() };
  } catch (error) {
    const { status, stdout } = error as { status: number; stdout: Buffer };
    return { status, said: stdout.toString() };
  }
}
