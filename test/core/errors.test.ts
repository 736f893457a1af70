import { describe, expect, it } from 'vitest';
import {
  AbortedError,
  ConfigError,
  EXIT,
  exitCodeOf,
  FormatError,
  ModelError,
  ResourceError,
  reviveError,
  SourceError,
  serializeError,
  TopologyError,
  UnsupportedError,
  WorkerError,
} from '../../src/core/errors.ts';

const SAMPLES = [
  new SourceError('a', { url: 'x.tif', status: 503, retryable: true }),
  new FormatError('b', { url: 'x.tif', what: 'tag 324' }),
  new ConfigError('c', { pointer: '/stride', value: -1 }),
  new ModelError('d', { tensor: 't', expected: '1', actual: '2' }),
  new WorkerError('e', { exitCode: null, signal: 'SIGKILL' }),
  new ResourceError('r', { resource: 'memory', allowed: 5, used: 7 }),
  new TopologyError('f', { arc: 7 }),
  new UnsupportedError('g', { feature: 'JPEG 2000', hint: 'use another' }),
  new AbortedError('h'),
];

describe('errors', () => {
  it('cross a process border with class, tag, message and detail', () => {
    for (const error of SAMPLES) {
      const back = reviveError(structuredClone(serializeError(error)));
      expect(back).toBeInstanceOf(error.constructor);
      expect({ ...back }).toEqual({ ...error });
      expect(back.message).toBe(error.message);
    }
    expect(reviveError(serializeError('text')).message).toBe('text');
  });

  it('end a process with the code that says whether to try again', () => {
    expect(SAMPLES.map(exitCodeOf)).toEqual([
      EXIT.tryAgain,
      EXIT.permanent,
      EXIT.usage,
      EXIT.permanent,
      EXIT.tryAgain,
      EXIT.tryAgain,
      EXIT.permanent,
      EXIT.permanent,
      EXIT.tryAgain,
    ]);
    expect(exitCodeOf(new SourceError('gone', { url: 'x', status: 404 }))).toBe(EXIT.permanent);
    expect(exitCodeOf(new Error('a defect'))).toBe(EXIT.permanent);
  });
});
