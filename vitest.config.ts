import { defineConfig } from 'vitest/config';
import { testsWithoutData } from './test/support/shared-data.ts';

const withoutData = testsWithoutData();

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'default',
          globalSetup: ['test/support/build-command.ts'],
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.slow.test.ts', ...withoutData],
        },
      },
      {
        extends: true,
        test: {
          name: 'slow',
          globalSetup: ['test/support/build-command.ts'],
          include: ['test/**/*.slow.test.ts'],
          exclude: withoutData,
          testTimeout: 1_200_000,
        },
      },
    ],
  },
});
