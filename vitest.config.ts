import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Long enough for a machine that is busy with other things: what waits goes on as soon as it can.
    testTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
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
