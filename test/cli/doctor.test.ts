import { describe, expect, it } from 'vitest';
import { runFrustum } from '../support/run-command.ts';

describe('frustum doctor', () => {
  it('is ready where runs work, and says so as JSON', async () => {
    const { status, stdout, lines } = await runFrustum(
      ...['doctor', '--json', '--offline', '--model', 'models/sfrnet-mini-dubai'],
    );
    expect(lines).toEqual([]);
    const { findings } = JSON.parse(stdout) as { findings: { name: string; state: string }[] };
    expect(findings.map(({ name }) => name)).toEqual([
      'node',
      'processors',
      'memory',
      'output folder',
      'temporary files',
      'gpu',
      'onnxruntime cpu',
      'onnxruntime cuda',
      'onnxruntime webgpu',
      'model models/sfrnet-mini-dubai',
    ]);
    expect(findings.filter(({ state }) => state === 'problem')).toEqual([]);
    expect(status).toBe(0);
  });

  it('ends with 1 and says what to do where they would fail', async () => {
    const { status, stdout } = await runFrustum(
      'doctor',
      '--offline',
      '--model',
      'models/none',
      'models/training',
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/PROBLEM +model models\/none/);
    expect(stdout).toContain('-> fetch or convert the model again');
    expect(stdout.trim()).toMatch(/2 problems: runs will fail here$/);
  });

  it('--help shows how; a provider that does not exist is wrong usage', async () => {
    expect((await runFrustum('doctor', '--help')).stdout).toContain('Examples:');
    expect((await runFrustum('doctor', '--provider', 'tpu')).status).toBe(2);
  });
});
