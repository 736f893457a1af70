import { describe } from 'vitest';
import { describeKills } from './kill-suite.ts';

describe('processes that are killed', () => describeKills({ folder: 10, pyramid: 5, s3: 5 }));
