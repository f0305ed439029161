import { z } from 'zod'

/**
 * The rules of the CustomResourceDefinitions, for resources that no API server has checked: InferencePool v1
 * (inference.networking.k8s.io), InferencePool and InferenceModel v1alpha2 (inference.networking.x-k8s.io),
 * InferenceObjective and InferenceModelRewrite v1alpha2 (inference.networking.x-k8s.io and llm-d.ai), and of HTTPRoute (gateway.networking.k8s.io) and ConfigMap the part that is read here.
 */

export const poolGroups = ['inference.networking.k8s.io', 'inference.networking.x-k8s.io'] as const

/** A string of so many characters; Kubernetes counts code points, not UTF-16 units. */
function text(min: number, max: number) {
  return z
    .string()
    .refine((value) => value.length >= min && [...value].length <= max, {
      error: ({ input }) => `found ${[...String(input)].length} characters, allowed: ${min} to ${max}`,
      abort: true,
    })
    .meta({ minLength: min, maxLength: max })
}

function integer(min: number, max: number) {
  return z
    .int()
    .refine((value) => value >= min && value <= max, {
      error: ({ input }) => `found ${input}, allowed: ${min} to ${max}`,
    })
    .meta({ minimum: min, maximum: max })
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

const metadata = z.object({
  name: text(1, 253).regex(dnsSubdomain, 'lower case letters, digits, "-" and "." (a DNS name)'),
  namespace: text(0, 63)
    .regex(new RegExp(`^$|${dnsLabel.source}`), 'lower case letters, digits and "-" (a DNS label)')
    .optional(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  creationTimestamp: z.iso.datetime({ offset: true, error: 'a time like 2026-01-31T12:00:00Z' }).optional(),
  generateName: z.unknown().optional(),
  uid: z.unknown().optional(),
  resourceVersion: z.unknown().optional(),
  generation: z.unknown().optional(),
  deletionTimestamp: z.unknown().optional(),
  deletionGracePeriodSeconds: z.unknown().optional(),
  finalizers: z.unknown().optional(),
  ownerReferences: z.unknown().optional(),
  managedFields: z.unknown().optional(),
  selfLink: z.unknown().optional(),
})

export type Metadata = z.infer<typeof metadata>

const port = integer(1, 65_535)
const labelValue = text(0, 63).regex(
  /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/,
  'letters, digits, "-", "_" and "." (a label value)',
)
const group = text(0, 253).regex(new RegExp(`^$|${dnsSubdomain.source}`), 'an API group (a DNS name) or ""')
const kind = text(1, 63).regex(/^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/, 'letters, digits and "-" (a kind)')
const referentName = text(1, 253)
const failureMode = z.enum(['FailOpen', 'FailClose']).default('FailClose')

function resource<Spec extends z.ZodType>(spec: Spec) {
  return z.object({ apiVersion: z.string(), kind: z.string(), metadata, spec, status: z.unknown().optional() })
}

export const poolV1 = resource(
  z.object({
    selector: z.object({
      matchLabels: z
        .record(z.string(), labelValue)
        .refine((labels) => Object.keys(labels).length >= 1 && Object.keys(labels).length <= 64, {
          error: ({ input }) => `found ${Object.keys(input as object).length} labels, allowed: 1 to 64`,
        }),
    }),
    targetPorts: z
      .array(z.object({ number: port }))
      .min(1)
      .max(8)
      .superRefine((ports, context) => {
        for (const [index, { number }] of ports.entries()) {
          if (ports.findIndex((other) => other.number === number) === index) continue
          context.addIssue({
            code: 'custom',
            path: [index, 'number'],
            message: `found ${number} again, allowed: each port once`,
          })
        }
      }),
    appProtocol: z.enum(['http', 'kubernetes.io/h2c']).default('http'),
    endpointPickerRef: z
      .object({
        group: group.default(''),
        kind: kind.default('Service'),
        name: referentName,
        port: z.object({ number: port }).optional(),
        failureMode,
      })
      .refine((reference) => reference.kind !== 'Service' || reference.port !== undefined, {
        path: ['port'],
        error: 'missing, required when kind is "Service" (the default)',
      })
      // The v1.5.0 CRD requires it; later ones have pools without a picker of their own.
      .optional(),
  }),
)

export const poolV1alpha2 = resource(
  z.object({
    selector: z.record(z.string(), labelValue),
    targetPortNumber: port,
    extensionRef: z.object({
      group: group.default(''),
      kind: kind.default('Service'),
      name: referentName,
      portNumber: port.optional(),
      failureMode,
    }),
  }),
)

/** The CRDs let it refer to anything; only pools can serve. A pool has one name in both of its groups, whichever is meant. */
const poolRef = z.object({
  group: z.enum(poolGroups).optional(),
  kind: z.literal('InferencePool').optional(),
  name: referentName,
})

const targetWeight = integer(1, 1_000_000).optional()

function allOrNoWeights(targets: readonly { weight?: number | undefined }[], context: z.core.$RefinementCtx): void {
  const without = targets.findIndex((target) => target.weight === undefined)
  if (without < 0 || targets.every((target) => target.weight === undefined)) return
  const message = 'missing, allowed: weights for all target models or for none'
  context.addIssue({ code: 'custom', path: [without, 'weight'], message })
}

export const modelV1alpha2 = resource(
  z.object({
    modelName: text(0, 256),
    criticality: z.enum(['Critical', 'Standard', 'Sheddable']).optional(),
    poolRef,
    targetModels: z
      .array(z.object({ name: text(0, 253), weight: targetWeight }))
      .max(10)
      .superRefine(allOrNoWeights)
      .default([]),
  }),
)

export const objectiveV1alpha2 = resource(z.object({ poolRef, priority: z.int().optional() }))

const modelName = z.string().regex(/\S/, 'a model name')

// Stricter than the CRD, which lets a rule be without targets, a target have an empty name, and only some of the targets have
// weights (its text forbids that).
export const rewriteV1alpha2 = resource(
  z.object({
    poolRef,
    rules: z.array(
      z.object({
        matches: z
          .array(z.object({ model: z.object({ type: z.literal('Exact').optional(), value: modelName }) }))
          .default([]),
        targets: z
          .array(z.object({ modelRewrite: modelName, weight: targetWeight }))
          .min(1)
          .superRefine(allOrNoWeights),
      }),
    ),
  }),
)

/** A base model and its adapters, for the base-model header (body-based router). */
export const adapterMap = z.object({
  metadata,
  data: z.object({ baseModel: z.string().regex(/\S/, 'a model name').trim(), adapters: z.string().optional() }),
})

/** Any ConfigMap. */
export const configMap = z.object({ metadata, data: z.record(z.string(), z.string()).default({}) })

export const adapterNames = z.array(z.string().regex(/\S/, 'an adapter name').trim())

/** Of an HTTPRoute: which model names its rules match, and how they divide them among pools. */
export const httpRoute = z.object({
  metadata,
  spec: z.object({
    rules: z
      .array(
        z.object({
          matches: z
            .array(
              z.object({
                headers: z
                  .array(
                    z.object({
                      name: text(1, 256),
                      value: text(1, 4096),
                      type: z.enum(['Exact', 'RegularExpression']).default('Exact'),
                    }),
                  )
                  .default([]),
              }),
            )
            .default([]),
          backendRefs: z
            .array(
              z.object({
                group: group.default(''),
                kind: kind.default('Service'),
                name: referentName,
                namespace: text(1, 63).optional(),
                weight: integer(0, 1_000_000).default(1),
              }),
            )
            .default([]),
        }),
      )
      .default([]),
  }),
})
