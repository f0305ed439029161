import { createContext, Script } from 'node:vm'
import type { RouteMatch } from './schema.ts'

type PathMatch = RouteMatch['path']

/** Undefined where it can't be known: an expression in Envoy's syntax that is none in JavaScript's. */
export function matchesPath({ type, value }: PathMatch, path: string): boolean | undefined {
  switch (type) {
    case 'PathPrefix':
      return value === '/' || path === value || path.startsWith(`${value.replace(/\/$/, '')}/`)
    case 'RegularExpression':
      return matchesWhole(value, path)
    default:
      return path === value
  }
}

/** An expression that takes longer is given up, milliseconds: Envoy's take time in proportion to the text, JavaScript's may take forever. */
const maxMatchMs = 100

/** Expressions that were given up are not tried again; so many are remembered. */
const maxEndless = 1_000
const endless = new Set<string>()

const matching = { expression: '', text: '' }
const matchScript = new Script('new RegExp(expression).test(text)')
let matchContext: ReturnType<typeof createContext> | undefined

/** Whether an expression matches a text from its beginning to its end; undefined where it can't be known. */
export function matchesWhole(expression: string, text: string): boolean | undefined {
  if (endless.has(expression)) return undefined
  matchContext ??= createContext(matching)
  matching.expression = `^(?:${expression})$`
  matching.text = text
  try {
    return matchScript.runInContext(matchContext, { timeout: maxMatchMs }) as boolean
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      if (endless.size >= maxEndless) endless.clear()
      endless.add(expression)
    }
    return undefined
  }
}

/** What is compared first. Gateway API leaves expressions to the gateway, and Envoy Gateway puts them here. */
const pathTypes = ['PathPrefix', 'RegularExpression', 'Exact']

/** Below 0 when `a` goes before `b` (Gateway API, HTTPRouteRule: precedence of matches), 0 when what comes after the path decides. */
export function comparePaths(a: PathMatch, b: PathMatch): number {
  const [left, right] = [pathTypes.indexOf(a.type), pathTypes.indexOf(b.type)]
  return left === right ? b.value.length - a.value.length : right - left
}
