import { describe } from 'vitest';
import { describeKills } from './kill-suite.ts';

describe('processes that are killed', () => describeKills({ folder: 8, pyramid: 4, s3: 4 }));
