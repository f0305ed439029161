import { z } from 'zod'
import { compileExpression, type Expression, ExpressionError, type UsageRecord } from './expression.ts'

/** What Envoy's filters read dynamic metadata of endpoints from; the reference's default. */
const defaultNamespace = 'envoy.lb'

const expression = z.string().transform((text, context): Expression => {
  try {
    return compileExpression(text)
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
})

/** Parameters of the request-attribute-reporter. The expressions are compiled when they are parsed. */
export const attributeParameters = z.strictObject({
  attributes: z
    .array(
      z.strictObject({
        key: z.strictObject({ namespace: z.string().min(1).default(defaultNamespace), name: z.string().min(1) }),
        /** The value, of CEL's `usage`. */
        expression,
        /** Whether it is reported; always when there is none. */
        condition: expression.optional(),
      }),
    )
    .min(1),
})

export type Attribute = {
  readonly namespace: string
  readonly name: string
  readonly value: number | string | boolean
}

export type AttributeReporter = {
  /**
   * The attributes of a response, for its dynamic metadata. One whose condition does not hold, or whose expression cannot be
   * evaluated or is no finite number, text or boolean, is left out.
   * @param usage see `ResponseReader.namedUsage`
   */
  report(usage: UsageRecord): Attribute[]
}

/** @throws ZodError that names the field, and the position in the expression */
export function compileAttributes(parameters: unknown): AttributeReporter {
  return attributeReporter(attributeParameters.parse(parameters))
}

/** The same of parameters that {@link attributeParameters} has parsed. */
export function attributeReporter({ attributes }: z.output<typeof attributeParameters>): AttributeReporter {
  return {
    report(usage) {
      const reported: Attribute[] = []
      for (const { key, expression, condition } of attributes) {
        if (condition !== undefined && condition(usage) !== true) continue
        const value = expression(usage)
        // Dynamic metadata has doubles only, and no infinite ones in its JSON form.
        const plain = typeof value === 'bigint' ? Number(value) : value
        if (plain === undefined || plain === null || (typeof plain === 'number' && !Number.isFinite(plain))) continue
        reported.push({ namespace: key.namespace, name: key.name, value: plain })
      }
      return reported
    },
  }
}
