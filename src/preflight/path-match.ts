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

/** Whether an expression matches a text from its beginning to its end; undefined where it can't be known. */
export function matchesWhole(expression: string, text: string): boolean | undefined {
  try {
    return new RegExp(`^(?:${expression})$`).test(text)
  } catch {
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
