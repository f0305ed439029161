import type { SyntaxNode } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'

/** `label OP "value"` of a selector. */
export type Matcher = { readonly label: string; readonly op: string; readonly value: string }

/** What a query asks Prometheus for: `metric{matchers}`. */
export type Selector = { readonly metric: string; readonly matchers: readonly Matcher[] }

export type ReadQuery = {
  readonly selectors: readonly Selector[]
  /** The labels that each series of its result has. */
  readonly labels: ReadonlySet<string>
}

/** Labels of a metric's series, as Prometheus has them; undefined of a metric that there is not. */
export type LabelsOf = (metric: string) => ReadonlySet<string> | undefined

/**
 * Reads PromQL whose variables are filled in.
 * @throws Error for what is no PromQL, a metric that there is not, and a label that what is selected or grouped does not have
 */
export function readQuery(text: string, labelsOf: LabelsOf): ReadQuery {
  const selectors: Selector[] = []
  const root = parser.parse(text).topNode
  const of = ({ from, to }: SyntaxNode) => text.slice(from, to)
  const fail = (node: SyntaxNode, what: string): never => {
    throw new Error(`${what}: ${of(node)}, in ${text}`)
  }
  const known = (node: SyntaxNode, labels: ReadonlySet<string>, name: string) => {
    if (!labels.has(name)) fail(node, `no label ${name}`)
  }

  function selector(node: SyntaxNode): ReadonlySet<string> {
    const metric = of(node.getChild('Identifier') ?? fail(node, 'a selector without a metric'))
    const labels = labelsOf(metric) ?? fail(node, 'no such metric')
    const matchers = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) => {
      const [label, op] = ['LabelName', 'MatchOp'].map((part) => of(matcher.getChild(part)!))
      known(matcher, labels, label)
      return { label, op, value: JSON.parse(of(matcher.getChild('StringLiteral')!)) as string }
    })
    selectors.push({ metric, matchers })
    return labels
  }

  function named(clause: SyntaxNode | null, within: readonly ReadonlySet<string>[]): string[] {
    const names = (clause?.getChild('GroupingLabels')?.getChildren('LabelName') ?? []).map(of)
    for (const name of names) for (const labels of within) known(clause!, labels, name)
    return names
  }

  function binary(node: SyntaxNode): ReadonlySet<string> | undefined {
    const [left, right] = [read(node.firstChild!), read(node.lastChild!)]
    if (left === undefined || right === undefined) return left ?? right
    const matching = node.getChild('MatchingModifierClause')
    const on = matching?.getChild('On') ? named(matching, [left, right]) : undefined
    if (node.getChild('And') !== null || node.getChild('Unless') !== null) return left
    if (matching?.getChild('GroupLeft')) return left
    return on !== undefined && node.getChild('Or') === null ? new Set(on) : both(left, right)
  }

  function call(node: SyntaxNode): ReadonlySet<string> | undefined {
    const name = of(node.getChild('FunctionIdentifier')!)
    const results = operands(node.getChild('FunctionCallBody')!).map(read)
    const [vector] = results.filter((result) => result !== undefined)
    if (name === 'absent' || name === 'vector') return new Set()
    if (name !== 'histogram_quantile') return vector
    known(node, vector!, 'le')
    return new Set([...vector!].filter((label) => label !== 'le'))
  }

  /** The labels of the node's result; undefined of a number. */
  function read(node: SyntaxNode): ReadonlySet<string> | undefined {
    switch (node.name) {
      case 'VectorSelector':
        return selector(node)
      case 'MatrixSelector':
      case 'ParenExpr':
        return read(operands(node)[0])
      case 'BinaryExpr':
        return binary(node)
      case 'FunctionCall':
        return call(node)
      case 'AggregateExpr': {
        const labels = read(operands(node.getChild('FunctionCallBody')!).at(-1)!)!
        return new Set(named(node.getChild('AggregateModifier'), [labels]))
      }
      case 'NumberDurationLiteral':
        return undefined
      default:
        return fail(node, `what this test can't read (${node.name})`)
    }
  }

  root.toTree().iterate({ enter: ({ type, node }) => void (type.isError && fail(node, 'no PromQL')) })
  const labels = read(root.firstChild!)
  return { selectors, labels: labels ?? new Set() }
}

const both = (a: ReadonlySet<string>, b: ReadonlySet<string>) => new Set([...a].filter((label) => b.has(label)))

/** The expressions among a node's children. */
function operands(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child)
  return children.filter(
    ({ name }) => /Expr$|Selector$|Call$|^NumberDurationLiteral$/.test(name) && name !== 'DurationExpr',
  )
}

/** Whether a series with these labels is selected. */
export function matches(labels: Readonly<Record<string, string>>, matchers: readonly Matcher[]): boolean {
  return matchers.every(({ label, op, value }) => {
    const actual = labels[label] ?? ''
    switch (op) {
      case '=':
        return actual === value
      case '!=':
        return actual !== value
      case '=~':
        return new RegExp(`^(?:${value})$`).test(actual)
      default:
        return !new RegExp(`^(?:${value})$`).test(actual)
    }
  })
}
