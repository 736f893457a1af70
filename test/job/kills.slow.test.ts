import { describe } from 'vitest';
import { describeKills } from './kill-suite.ts';

describe('processes that are killed a hundred times', () =>
  describeKills({ folder: 50, pyramid: 25, s3: 25 }));
