import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Unit tests run in parallel; those that start real programs (test/e2e) share ports and cores, so one at a time.
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/e2e/**'] } },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
