import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseStretch } from '../../src/cli/stretch.ts';
import { parseBands } from '../../src/cli/verb.ts';
import { stretchSchema } from '../../src/pipeline/config.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'frustum-parse-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe('--stretch', () => {
  it.each([
    ['auto', 'auto'],
    ['none', 'none'],
    ['minmax', 'minmax'],
    ['auto:gamma=1.4', { auto: true, gamma: 1.4 }],
    ['minmax:gamma=0.8', { minmax: true, gamma: 0.8 }],
    ['percentile:2,98', { percentile: [2, 98] }],
    ['percentile:0.5,99.5,gamma=1.4', { percentile: [0.5, 99.5], gamma: 1.4 }],
    ['stddev:2', { stddev: 2 }],
    ['stddev:2.5,gamma=2', { stddev: 2.5, gamma: 2 }],
    ['fixed:0,3000', { fixed: [0, 3000] }],
    ['fixed:-1e3,3e3,gamma=1.2', { fixed: [-1000, 3000], gamma: 1.2 }],
    [
      'fixed:0,3000/0,2800/-5,2500',
      {
        fixed: [
          [0, 3000],
          [0, 2800],
          [-5, 2500],
        ],
      },
    ],
    [
      'fixed:0,3000/0,2800/0,2500,gamma=1.4',
      {
        fixed: [
          [0, 3000],
          [0, 2800],
          [0, 2500],
        ],
        gamma: 1.4,
      },
    ],
  ])('%s', (text, expected) => {
    expect(parseStretch(text)).toEqual(expected);
    expect(stretchSchema.parse(expected)).toEqual(expected);
  });

  it.each([
    '',
    'linear',
    'none:gamma=2',
    'percentile',
    'percentile:2',
    'percentile:2,98,99',
    'percentile:2,x',
    'percentile:2,98,gamma=',
    'percentile:gamma=2,2,98',
    'stddev',
    'stddev:1,2',
    'fixed:0',
    'fixed:0,1/0,1',
    'fixed:0,1/0,1/0,1/0,1',
    'fixed:0,1,gamma=2/0,1/0,1',
    'minmax:3',
    'recorded:',
    'recorded:/nowhere/run.json',
  ])('%s is wrong usage', (text) => {
    expect(() => parseStretch(text)).toThrow(/expected auto, none, minmax|can't be read as the run\.json/);
  });

  it('recorded is of local runs, and says so of others without their secrets', () => {
    const url = 'https://user:hush@host/run.json?sig=hush';
    const message = '--stretch recorded:https://host/run.json: only a local run.json is read; copy it here';
    // Of any error of its own, commander would show the argument.
    expect(() => parseStretch(`recorded:${url}`)).toThrow(
      expect.objectContaining({ tag: 'ConfigError', message }),
    );
  });

  it('recorded takes the stretch of an earlier run', () => {
    const stretch = {
      kind: 'stddev',
      formula: 'f',
      ranges: [
        [0.1, 1],
        [0, 0],
        [-3, 4],
      ],
      gamma: 1.4,
      deviations: 2,
    };
    const run = join(dir, 'run.json');
    writeFileSync(run, JSON.stringify({ format: 'frustum-run', scene: { stretch } }));
    expect(parseStretch(`recorded:${run}`)).toEqual({ recorded: stretch });
    writeFileSync(run, JSON.stringify({ scene: { stretch: { kind: 'magic' } } }));
    expect(() => parseStretch(`recorded:${run}`)).toThrow(/run\.json records no stretch/);
  });
});

describe('--bands', () => {
  it('takes numbers, names and presets', () => {
    expect(parseBands('3,2,1')).toEqual([3, 2, 1]);
    expect(parseBands('Red, green,B02')).toEqual(['Red', 'green', 'B02']);
    expect(parseBands('sentinel2')).toBe('sentinel2');
    expect(() => parseBands('spot')).toThrow(/e\.g\. 3,2,1 or red,green,blue, or one of rgb, gid, /);
  });
});
