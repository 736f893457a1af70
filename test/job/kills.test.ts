import { describe } from 'vitest';
import { describeKills } from './kill-suite.ts';

describe('processes that are killed', () => describeKills({ folder: 14, pyramid: 6, s3: 6 }));
