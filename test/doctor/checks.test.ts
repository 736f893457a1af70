import { chmodSync, cpSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkDisk } from '../../src/doctor/check-disk.ts';
import { checkGpus } from '../../src/doctor/check-gpus.ts';
import { checkMemory, checkProcessors } from '../../src/doctor/check-limits.ts';
import { checkModel } from '../../src/doctor/check-model.ts';
import { checkNode } from '../../src/doctor/check-node.ts';
import { checkProvider } from '../../src/doctor/check-provider.ts';
import { formatFindings } from '../../src/doctor/format-findings.ts';
import { readLimits } from '../../src/doctor/read-limits.ts';
import { mountSmallDisk } from '../support/small-disk.ts';

const GIB = 1024 ** 3;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'frustum-doctor-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true, force: true });
});

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
}

describe('node', () => {
  it.each([
    ['18.20.0', 'problem'],
    ['20.8.1', 'problem'],
    ['20.9.0', 'ok'],
    ['24.1.0', 'ok'],
  ])('%s is %s', (version, state) => {
    expect(checkNode(version, 'linux-x64')).toMatchObject({ state });
  });
});

describe('limits', () => {
  it('version 2: the tightest of the group and those above it', async () => {
    await put({
      'proc/self/cgroup': '0::/jobs/one\n',
      'proc/meminfo': 'MemTotal:  9 kB\nMemAvailable:    2048 kB\n',
      'sys/fs/cgroup/jobs/one/memory.max': 'max\n',
      'sys/fs/cgroup/jobs/memory.max': `${GIB}\n`,
      'sys/fs/cgroup/jobs/one/cpu.max': '150000 100000\n',
      'sys/fs/cgroup/jobs/cpu.max': 'max 100000\n',
    });
    expect(await readLimits(dir)).toMatchObject({
      groupBytes: GIB,
      groupProcessors: 1.5,
      availableBytes: 2048 * 1024,
    });
  });

  it('version 2 in a container, where the path is of the host and the group is mounted at the top', async () => {
    await put({ 'proc/self/cgroup': '0::/docker/4f\n', 'sys/fs/cgroup/memory.max': `${GIB / 2}\n` });
    expect(await readLimits(dir)).toMatchObject({ groupBytes: GIB / 2, groupProcessors: null });
  });

  it('version 1, whose "no limit" is a number beyond all memory', async () => {
    await put({
      'proc/self/cgroup': '4:memory:/job\n3:cpu,cpuacct:/job\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'sys/fs/cgroup/memory/job/memory.limit_in_bytes': `${GIB}\n`,
      'sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us': '50000\n',
      'sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us': '100000\n',
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
    });
    expect(await readLimits(dir)).toMatchObject({ groupBytes: GIB, groupProcessors: 0.5 });
  });

  it('without control groups there is only the machine', async () => {
    const limits = await readLimits(dir);
    expect(limits).toMatchObject({ groupBytes: null, groupProcessors: null });
    expect(limits.machineBytes).toBeGreaterThan(0);
    expect(limits.availableBytes).toBeGreaterThan(0);
  });

  const limits = {
    machineBytes: 64 * GIB,
    availableBytes: 60 * GIB,
    groupBytes: null,
    processors: 8,
    groupProcessors: null,
  };
  it.each([
    [{}, 'ok'],
    [{ groupBytes: 0.5 * GIB }, 'problem'],
    [{ groupBytes: 2 * GIB }, 'warning'],
    [{ availableBytes: 1 * GIB }, 'warning'],
    [{ machineBytes: 0.5 * GIB, availableBytes: 0.4 * GIB }, 'problem'],
  ])('memory %j: %s', (change, state) => {
    const finding = checkMemory({ ...limits, ...change });
    expect(finding.state).toBe(state);
    expect(finding.advice === null).toBe(state === 'ok');
  });

  it('says how many threads a quota leaves', () => {
    expect(checkProcessors(limits)).toMatchObject({ state: 'ok', found: '8' });
    expect(checkProcessors({ ...limits, groupProcessors: 2.5 })).toMatchObject({
      state: 'warning',
      advice: expect.stringContaining('--threads 2'),
    });
    expect(checkProcessors({ ...limits, groupProcessors: 0.5 }).advice).toContain('--threads 1');
  });
});

describe('disk', () => {
  const small = mountSmallDisk(8 * 1024 ** 2);

  it('says how much is free where a folder would be made', async () => {
    const finding = await checkDisk('output folder', join(dir, 'a', 'b'));
    expect(finding.state).not.toBe('problem');
    expect(finding.found).toContain(`in ${dir}, where it would be made`);
  });

  it.skipIf(small === null)('a disk that is nearly full is a problem', async () => {
    expect(await checkDisk('temporary files', small!)).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('8 MiB free'),
      advice: expect.stringContaining('TMPDIR'),
    });
  });

  it('a place that takes no files is a problem that says why', async () => {
    expect(await checkDisk('output folder', '/proc/frustum')).toMatchObject({
      state: 'problem',
      found: expect.stringMatching(/can't be written|0 MiB free/),
    });
    await writeFile(join(dir, 'file'), '');
    expect(await checkDisk('output folder', join(dir, 'file', 'below'))).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('ENOTDIR'),
    });
  });
});

describe('providers', () => {
  it('the CPU computes', async () => {
    expect(await checkProvider('cpu', true)).toMatchObject({ state: 'ok', advice: null });
  });

  it('one that is not there is a problem only if runs are to use it', async () => {
    const optional = await checkProvider('cuda', false);
    // On a machine with CUDA there is nothing to test here.
    if (optional.state === 'ok') return;
    expect(optional).toMatchObject({ state: 'skipped', advice: null });
    expect(await checkProvider('cuda', true)).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('does not work'),
      advice: expect.stringContaining('ONNXRUNTIME_NODE_INSTALL=cuda12'),
    });
  });

  it('one that ends its process ends only the child', async () => {
    vi.stubEnv('NODE_OPTIONS', '--import=data:text/javascript,process.abort()');
    expect(await checkProvider('cpu', true)).toMatchObject({
      state: 'problem',
      found: expect.stringMatching(/ended its process \(SIG(ABRT|TRAP|ILL)\)/),
    });
  });

  it('one that hangs is given up when the command is stopped', async () => {
    vi.stubEnv(
      'NODE_OPTIONS',
      '--import=data:text/javascript,setInterval(()=>{},1e6);await(new(Promise)(()=>{}))',
    );
    expect(await checkProvider('cpu', true, AbortSignal.timeout(1500))).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('SIGKILL'),
    });
  });
});

describe('GPUs', () => {
  const fake = async (script: string) => {
    await put({ smi: `#!/bin/sh\n${script}\n` });
    chmodSync(join(dir, 'smi'), 0o755);
    return join(dir, 'smi');
  };

  it('are what the driver shows', async () => {
    const command = await fake('echo "NVIDIA L4, 23034 MiB, 550.54.15"');
    expect(await checkGpus(true, command)).toEqual({
      name: 'gpu',
      state: 'ok',
      found: 'NVIDIA L4, 23034 MiB, 550.54.15',
      advice: null,
    });
  });

  it.each([
    ['exit 0', /shows none/],
    ['echo "Failed to initialize NVML" >&2; exit 255', /Failed to initialize NVML/],
  ])('%s: none, which matters if runs need one', async (script, found) => {
    const command = await fake(script);
    expect(await checkGpus(true, command)).toMatchObject({
      state: 'problem',
      found: expect.stringMatching(found),
    });
    expect(await checkGpus(false, command)).toMatchObject({ state: 'skipped', advice: null });
  });

  it('no driver at all', async () => {
    expect(await checkGpus(true, join(dir, 'nothing'))).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('no NVIDIA driver'),
    });
  });
});

describe('models', () => {
  it('are whole, or it is said which file is not', async () => {
    const model = join(dir, 'model');
    cpSync('models/sfrnet-mini-dubai', model, { recursive: true });
    expect(await checkModel(model)).toMatchObject({
      state: 'ok',
      found: expect.stringContaining('6 classes'),
    });
    expect((await checkModel(model)).found).toMatch(/, also in integers$/);
    for (const file of ['int8/local.onnx', 'short.onnx']) {
      await appendFile(join(model, file), 'x');
      expect(await checkModel(model)).toMatchObject({
        state: 'problem',
        found: expect.stringContaining(file),
      });
    }
    expect(await checkModel(join(dir, 'none'))).toMatchObject({
      state: 'problem',
      found: expect.stringContaining('ENOENT'),
    });
  });
});

describe('formatFindings', () => {
  const finding = (state: 'ok' | 'warning' | 'problem' | 'skipped') => ({
    name: state,
    state,
    found: 'f',
    advice: state === 'ok' || state === 'skipped' ? null : 'do this',
  });
  it('ends in the sum', () => {
    expect(
      formatFindings([finding('ok'), finding('skipped')])
        .split('\n')
        .at(-1),
    ).toBe('ready');
    expect(formatFindings([finding('ok'), finding('warning')])).toMatch(
      /-> do this\n\nready, with 1 thing to be/,
    );
    expect(formatFindings([finding('problem'), finding('problem')])).toMatch(
      /2 problems: runs will fail here$/,
    );
  });
});
