import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { mergeJob, readJobStatus, runShard, segment, synthesize } from '../../src/index.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { differences, outputsOf, plan, SETTINGS } from './job-kit.ts';
import { leftoversIn } from './kill-kit.ts';

describe('a disk that fills or may not be written to', () => {
  const disk = mountSmallDisk(4 << 20);
  let dir: string;
  let scene: string;
  let expected: Map<string, Buffer>;
  beforeAll(async () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
    dir = await mkdtemp(join(tmpdir(), 'frustum-disk-faults-'));
    scene = (await synthesize({ width: 330, height: 300, seed: 5, outDir: join(dir, 'land') })).scenePath;
    const whole = join(dir, 'whole', 'run');
    await segment({ ...SETTINGS, scene, outDir: whole });
    expected = await outputsOf(whole);
    // The STAC Item links to the model, which lies elsewhere as seen from there.
    expected.delete('stac-item.json');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(dir, { recursive: true, force: true });
  });

  /** Leaves so many bytes free. */
  async function fill(file: string, free: number): Promise<void> {
    const { bavail, bsize } = await statfs(disk!);
    await writeFile(file, Buffer.alloc(bavail * bsize - free));
  }

  it.skipIf(disk === null)(
    'is told; nothing half-written stays, and with room again all goes on to the same bytes',
    async () => {
      const to = join(disk!, 'jobs');
      await mkdir(to);
      const filler = join(disk!, 'filler');
      const job = await plan([scene], to, 2);
      const full = {
        tag: 'SourceError',
        status: 'ENOSPC',
        message: expect.stringContaining('no space is left'),
      };
      await fill(filler, 16 << 10);
      await expect(runShard({ plan: job, index: 0 })).rejects.toMatchObject(full);
      expect(await leftoversIn(to)).toEqual([]);
      expect((await readJobStatus(job)).counts).toMatchObject({ done: 0 });
      await rm(filler);
      for (const index of [0, 1]) await runShard({ plan: job, index });

      await fill(filler, 48 << 10);
      await expect(mergeJob({ plan: job })).rejects.toMatchObject(full);
      expect(await leftoversIn(to)).toEqual([]);
      expect(await readdir(join(to, job.scenes[0]!.id)).catch(() => [])).toEqual([]);
      await rm(filler);
      expect(await mergeJob({ plan: job })).toMatchObject([{ outcome: 'done' }]);
      const outputs = await outputsOf(join(to, job.scenes[0]!.id));
      outputs.delete('stac-item.json');
      expect(differences(outputs, expected)).toEqual([]);
    },
    60_000,
  );

  it.skipIf(disk === null)('that is read-only is told at once, before a window is run', async () => {
    const job = await plan([scene], join(disk!, 'read-only'), 2);
    execFileSync('mount', ['-o', 'remount,ro', disk!]);
    try {
      const onWindow = vi.fn();
      await expect(runShard({ plan: job, index: 0 }, { onWindow })).rejects.toMatchObject({
        tag: 'SourceError',
        status: 'EROFS',
        retryable: false,
        message: expect.stringContaining('read-only'),
      });
      expect(onWindow).not.toHaveBeenCalled();
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', disk!]);
    }
  });
});
