import { describe, expect, it } from 'vitest';
import { refuseSecrets } from '../../src/job/refuse-secrets.ts';
import { plan } from './job-kit.ts';

const SIGNED = 'https://me:word@store.example.org/a.tif?X-Amz-Signature=0123';

describe('URLs that a plan file should not hold', () => {
  it('are those with a query, user or password; keys and paths may have any sign in them', () => {
    const fine = [
      '/scenes/a?b=1.tif',
      'file:///a.tif',
      's3://b/a?b#1.tif',
      'https://host/a.tif',
      '@https://host/list.txt',
    ];
    expect(() => refuseSecrets(fine)).not.toThrow();
    for (const url of [
      SIGNED,
      'https://host/a.tif?token=1',
      'https://me@host/a.tif',
      '@https://host/list?sig=1',
    ]) {
      expect(() => refuseSecrets([...fine, url])).toThrowError(
        expect.objectContaining({ tag: 'ConfigError' }),
      );
    }
  });

  it('are named without what makes them secret, and not all of many', () => {
    const many = Array.from({ length: 8 }, (_, i) => `https://host/${i}.tif?sig=hidden`);
    expect(() => refuseSecrets(many)).toThrow(
      /^https:\/\/host\/0\.tif, .*4\.tif and 3 more: a URL with a query/,
    );
    expect(() => refuseSecrets([...many, SIGNED])).not.toThrow(/hidden|0123|me:word/);
  });

  it('are refused before anything is read, unless they are allowed', async () => {
    await expect(plan([SIGNED], '/nowhere', 1)).rejects.toMatchObject({
      tag: 'ConfigError',
      message: expect.stringMatching(/^https:\/\/store\.example\.org\/a\.tif: .*s3: URLs.*--allow-queries/),
    });
    // Nothing listens there: it was asked, and is the plan's one refused scene.
    const url = 'http://127.0.0.1:9/a.tif?token=1';
    const job = await plan([url], '/nowhere', 1, {
      allowQueries: true,
      source: { attempts: 1, backoffMs: 1 },
    });
    expect(job.refused).toMatchObject([{ tag: 'SourceError', source: 'http://127.0.0.1:9/a.tif' }]);
  });
});
