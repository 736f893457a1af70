import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSettings, settingsSchema } from '../lib/settings.ts';

const read = (given: Record<string, string>) => readSettings((name) => given[name]);

describe('settings', () => {
  it.each([
    [{ inputPrefix: '/scenes' }, /inputPrefix must be empty or end in "\/"/],
    [{ inputPrefix: 'scenes' }, /inputPrefix/],
    [{ attempts: '11' }, /attempts/],
    [{ gpuTypes: 'optimal' }, /g6\.xlarge/],
    [{ nightly: 'every night' }, /cron\(15 1/],
    [{ nightly: 'rate(1 day)' }, /needs -c pipeline/],
    [{ inputBucket: 'My_Bucket' }, /inputBucket/],
    [{ email: 'nobody' }, /email/],
    [{ logDays: '31' }, /logDays/],
    [{ endpointZones: '3' }, /there are only zones=2/],
    [{ spotVcpus: '0', onDemandVcpus: '2' }, /no room for a shard/],
  ])('refuses %j and says why', (given, message) => {
    expect(() => read(given as unknown as Record<string, string>)).toThrow(message);
  });

  it('takes text, as it comes from a command line', () => {
    expect(read({ zones: '3', gpuTypes: 'g6.4xlarge, g5.4xlarge', spotVcpus: '' })).toMatchObject({
      zones: 3,
      gpuTypes: ['g6.4xlarge', 'g5.4xlarge'],
      spotVcpus: 64,
    });
  });

  it('are all in the guide, with their defaults', () => {
    const rows = new Map(
      [...readFileSync('README.md', 'utf8').matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map((m) => [m[1]!, m[2]!]),
    );
    const defaults: Record<string, unknown> = read({});
    expect([...rows.keys()].sort()).toEqual(Object.keys(settingsSchema.shape).sort());
    for (const [name, shown] of rows) {
      const value = defaults[name];
      const text = Array.isArray(value) ? value.join(',') : value;
      expect(shown, name).toBe(text === undefined ? 'none' : `\`${text}\``);
    }
  });
});
