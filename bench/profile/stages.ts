import type { Frame } from './perf.ts'

/** What the CPU time of a request goes to, in the order of its way; the last ones serve all of it. */
export const stages = [
  'transport',
  'codec',
  'conversation',
  'scan',
  'resolve',
  'admit',
  'prefix hashing',
  'pick',
  'rewrite, reply',
  'metrics, in-flight',
  'scraping',
  'other code',
  'Node: sockets, event loop',
  'garbage collection',
  'compiler',
  'kernel',
] as const
export type Stage = (typeof stages)[number]

/** Files and folders below src/; the first that fits decides. */
const places: readonly (readonly [path: string, stage: Stage])[] = [
  ['http2/', 'transport'],
  ['extproc/grpc-server.ts', 'transport'],
  ['extproc/exchange.ts', 'transport'],
  ['extproc/health.ts', 'transport'],
  ['extproc/tls.ts', 'transport'],
  ['extproc/conversation.ts', 'conversation'],
  ['extproc/request-body.ts', 'conversation'],
  ['extproc/held-', 'conversation'],
  ['extproc/response-phase.ts', 'conversation'],
  ['extproc/', 'codec'],
  ['conversing.ts', 'conversation'],
  ['request/rewrite.ts', 'rewrite, reply'],
  ['request/reply.ts', 'rewrite, reply'],
  ['request/errors.ts', 'rewrite, reply'],
  ['request/refusals.ts', 'rewrite, reply'],
  ['request/models-list.ts', 'rewrite, reply'],
  ['request/resolve.ts', 'resolve'],
  ['request/control-headers.ts', 'resolve'],
  ['request/admit.ts', 'admit'],
  ['request/pick.ts', 'pick'],
  ['request/flight.ts', 'metrics, in-flight'],
  ['request/', 'scan'],
  ['catalog/', 'resolve'],
  ['admission/', 'admit'],
  ['scheduling/prefix/', 'prefix hashing'],
  ['scheduling/', 'pick'],
  ['telemetry/', 'metrics, in-flight'],
  ['pool/', 'scraping'],
]

const collecting =
  /v8::internal::(Heap|Scaveng|MarkCompact|MarkingVisitor|Sweep|Concurrent(Mark|Sweep)|Evacuat|ArrayBufferSweeper)|CollectGarbage/
const compiling = /v8::internal::(compiler|maglev|baseline|Optimiz|Turbofan|interpreter::)/

/**
 * Which stage a sample counts for. Garbage collection and compilers are what they are wherever they were called from; all else
 * counts for the innermost file of src/ on the stack, so that Node's functions count for who called them. What V8 has inlined
 * counts for the function that it is in.
 */
export function stageOf(frames: readonly Frame[]): Stage {
  if (isKernel(frames[0])) return 'kernel'
  for (const { symbol } of frames) {
    if (collecting.test(symbol)) return 'garbage collection'
    if (compiling.test(symbol)) return 'compiler'
    const path = /\/src\/(\S+?\.[jt]s):/.exec(symbol)?.[1]
    if (path !== undefined) return stageOfFile(path)
  }
  return 'Node: sockets, event loop'
}

/** @param path below src/ */
export function stageOfFile(path: string): Stage {
  return places.find(([start]) => path.startsWith(start))?.[1] ?? 'other code'
}

/** The kernel's own symbols, which are there for who may read them; its addresses are the upper half. */
const isKernel = ({ file }: Frame) =>
  file.startsWith('[kernel') || file === '[unknown]' || file === '[guest.kernel.kallsyms]'

/** Microseconds of CPU time that each stage takes of a request, when all of them take `cpuMicros`. */
export function stageMicros(samples: readonly (readonly Frame[])[], cpuMicros: number): Map<Stage, number> {
  const counts = new Map<Stage, number>(stages.map((stage) => [stage, 0]))
  for (const frames of samples) {
    const stage = stageOf(frames)
    counts.set(stage, counts.get(stage)! + 1)
  }
  return new Map(Array.from(counts, ([stage, count]) => [stage, (count / samples.length) * cpuMicros]))
}
