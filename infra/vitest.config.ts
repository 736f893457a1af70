import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // One process for all files: they share the templates, which take seconds each.
    isolate: false,
    fileParallelism: false,
  },
});
