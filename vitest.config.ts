import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const within = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`)

/** Of tests that start real programs. */
const withPrograms = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // There they share two cores with each other: what came too late once has a second try.
  retry: process.env.CI === undefined ? 0 : 1,
}

/** They take a minute and more each: begun first, they leave no core idle at the end. API servers and Envoys in turn. */
const longest = [
  'kube/routes-cases',
  'e2e/wire-cases',
  'kube/status',
  'e2e/acceptance',
  'kube/routes',
  'e2e/envoy-files',
  'e2e/bodies',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return at < 0 ? longest.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    // Long enough for a machine that is busy with other things: what waits goes on as soon as it can.
    testTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
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
