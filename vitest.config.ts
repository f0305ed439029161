import { defineConfig } from 'vitest/config'

const within = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

/** Of tests that start real programs. */
const withPrograms = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // There they share two cores with each other: what came too late once has a second try.
  retry: process.env.CI === undefined ? 0 : 1,
}

export default defineConfig({
  test: {
    // Long enough for a machine that is busy with other things: what waits goes on as soon as it can.
    testTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    // The main process has little to do meanwhile.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: within('docs', 'e2e', 'gateway', 'kube'),
          // Half the CPU: each worker loads a module once. Whoever changes something global puts it back.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'e2e', include: within('docs', 'e2e', 'kube'), ...withPrograms } },
      // One at a time: Envoy Gateway's ports are fixed.
      {
        extends: true,
        test: { name: 'gateway', include: within('gateway'), ...withPrograms, fileParallelism: false },
      },
    ],
  },
})
