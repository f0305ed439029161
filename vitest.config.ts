import { defineConfig } from 'vitest/config'

const realPrograms = ['docs', 'e2e', 'gateway', 'kube'].map((folder) => `test/${folder}/**/*.test.ts`)

export default defineConfig({
  test: {
    // Long enough for a machine that is busy with other things: what waits goes on as soon as it can.
    testTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    // The main process has little to do meanwhile.
    maxWorkers: '100%',
    // Unit tests run in parallel; those that start real programs share ports and cores, so one at a time.
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: realPrograms,
          // Half the CPU: each worker loads a module once. Whoever changes something global puts it back.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: realPrograms,
          fileParallelism: false,
          // Five programs' worth of tests share two cores there: what came too late once has a second try.
          retry: process.env.CI === undefined ? 0 : 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
