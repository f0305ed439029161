import type { Plugin, PluginContext, Producer } from '../../src/scheduling/plugin.ts'

type TestContext = PluginContext & {
  /** What plugins warned of. */
  readonly warnings: readonly string[]
}

/** What plugins get of the world in tests: a clock that stands still, and the plugins that the test gives by name. */
export function pluginContext(
  of: {
    readonly nowMs?: () => number
    /** Instead of the plain threshold. */
    readonly staleAfterMs?: (thresholdMs: number) => number
    /** Found by name, or else by type. */
    readonly plugins?: Readonly<Record<string, Plugin>>
  } = {},
): TestContext {
  const warnings: string[] = []
  const plugins = of.plugins ?? {}
  const find = (name: string): Plugin => {
    const found = plugins[name] ?? Object.values(plugins).find(({ type }) => type === name)
    if (found === undefined) throw new Error(`No plugin "${name}".`)
    return found
  }
  return {
    warnings,
    nowMs: of.nowMs ?? (() => 0),
    staleAfterMs: of.staleAfterMs ?? ((thresholdMs) => thresholdMs),
    producer: <P extends Producer>(type: string, name?: string) => find(name ?? type) as P,
    producerIfAny:
      <P extends Producer>(type: string) =>
      () =>
        Object.values(plugins).find((plugin) => plugin.type === type) as P | undefined,
    plugin: find,
    warn: (message) => warnings.push(message),
  }
}
