import { z } from 'zod'

/**
 * The fields of other projects' resources that the rules look at, with the defaults of their CRDs. An object that does not
 * fit is passed over: its own API server has more to say about it.
 */

const references = <Fields extends z.ZodRawShape>(group: string, kind: string, fields: Fields) =>
  z
    .array(
      z.object({
        group: z.string().default(group),
        kind: z.string().default(kind),
        namespace: z.string().optional(),
        name: z.string(),
        ...fields,
      }),
    )
    .default([])

const gatewayApi = 'gateway.networking.k8s.io'

const backendRefs = references('', 'Service', { port: z.number().optional(), weight: z.number().default(1) })

const condition = z.object({ type: z.string(), status: z.string(), reason: z.string().default('') })

export const gatewayClass = z.object({ spec: z.object({ controllerName: z.string() }) })

export const gateway = z.object({
  spec: z.object({
    gatewayClassName: z.string(),
    listeners: z.array(z.object({ name: z.string(), hostname: z.string().optional() })).default([]),
  }),
})

const namedValue = z.object({ type: z.string().default('Exact'), name: z.string(), value: z.string() })

const routeMatch = z.object({
  path: z.object({ type: z.string().default('PathPrefix'), value: z.string().default('/') }).prefault({}),
  method: z.string().optional(),
  headers: z.array(namedValue).default([]),
  queryParams: z.array(namedValue).default([]),
})

export type RouteMatch = z.infer<typeof routeMatch>

const routeRule = z.object({
  name: z.string().optional(),
  matches: z.array(routeMatch).min(1).prefault([{}]),
  backendRefs,
  timeouts: z.object({ request: z.string().optional(), backendRequest: z.string().optional() }).prefault({}),
})

export const httpRoute = z.object({
  spec: z.object({
    hostnames: z.array(z.string()).default([]),
    parentRefs: references(gatewayApi, 'Gateway', { sectionName: z.string().optional() }),
    rules: z.array(routeRule).default([]),
  }),
  status: z
    .object({
      parents: z
        .array(
          z.object({
            parentRef: z.object({ name: z.string(), namespace: z.string().optional() }),
            conditions: z.array(condition).default([]),
          }),
        )
        .default([]),
    })
    .prefault({}),
})

export type HttpRoute = z.infer<typeof httpRoute>
export type RouteRule = HttpRoute['spec']['rules'][number]

/** What the policies of Envoy Gateway have in common. */
export const policy = z.object({
  spec: z.looseObject({
    targetRef: z
      .object({ group: z.string(), kind: z.string(), name: z.string(), sectionName: z.string().optional() })
      .optional(),
    targetRefs: references(gatewayApi, '', { sectionName: z.string().optional() }),
    targetSelectors: z
      .array(
        z.object({
          kind: z.string(),
          matchLabels: z.record(z.string(), z.string()).default({}),
          matchExpressions: z
            .array(z.object({ key: z.string(), operator: z.string(), values: z.array(z.string()).default([]) }))
            .default([]),
        }),
      )
      .default([]),
    mergeType: z.string().optional(),
  }),
})

export type PolicySpec = z.infer<typeof policy>['spec']

const bodyMode = z.object({ body: z.string().optional() })

/** spec of an EnvoyExtensionPolicy. */
export const extensionPolicy = z.object({
  extProc: z
    .array(
      z.object({
        backendRefs,
        messageTimeout: z.string().optional(),
        failOpen: z.boolean().default(false),
        processingMode: z.object({ request: bodyMode.optional(), response: bodyMode.optional() }).prefault({}),
        backendSettings: z
          .object({
            circuitBreaker: z
              .object({
                maxParallelRequests: z.number().default(1024),
                maxPendingRequests: z.number().default(1024),
              })
              .prefault({}),
          })
          .prefault({}),
      }),
    )
    .default([]),
})

export type ExtProc = z.infer<typeof extensionPolicy>['extProc'][number]

/** spec of a ClientTrafficPolicy. */
export const clientTrafficPolicy = z.object({
  connection: z.object({ bufferLimit: z.union([z.string(), z.number()]).optional() }).prefault({}),
  headers: z
    .object({
      earlyRequestHeaders: z
        .object({
          remove: z.array(z.string()).default([]),
          removeOnMatch: z.array(z.object({ type: z.string().default('Exact'), value: z.string() })).default([]),
        })
        .prefault({}),
    })
    .prefault({}),
})

/** spec of a BackendTrafficPolicy. */
export const backendTrafficPolicy = z.object({
  loadBalancer: z
    .object({
      endpointOverride: z
        .object({ extractFrom: z.array(z.object({ header: z.string().optional() })).default([]) })
        .prefault({}),
    })
    .prefault({}),
  timeout: z.object({ http: z.object({ requestTimeout: z.string().optional() }).prefault({}) }).prefault({}),
})

/** Envoy Gateway's own way to name addresses. */
export const backend = z.object({
  spec: z.object({
    endpoints: z
      .array(
        z.object({
          ip: z.object({ port: z.number() }).optional(),
          fqdn: z.object({ port: z.number() }).optional(),
        }),
      )
      .default([]),
  }),
})

export const service = z.object({
  spec: z.object({
    selector: z.record(z.string(), z.string()).default({}),
    ports: z
      .array(
        z.object({
          port: z.number(),
          targetPort: z.union([z.number(), z.string()]).optional(),
          appProtocol: z.string().optional(),
        }),
      )
      .default([]),
  }),
})

const podSpec = z.object({
  containers: z
    .array(
      z.object({
        image: z.string().default(''),
        command: z.array(z.string()).default([]),
        args: z.array(z.string()).default([]),
      }),
    )
    .default([]),
})

export const pod = z.object({ spec: podSpec })

export const deployment = z.object({
  spec: z.object({
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }).prefault({}),
      spec: podSpec,
    }),
  }),
})

/** How a gateway is to speak to a Service with TLS. */
export const backendTlsPolicy = z.object({
  spec: z.object({ targetRefs: z.array(z.object({ kind: z.string(), name: z.string() })).default([]) }),
})

const pickerRef = {
  group: z.string().default(''),
  kind: z.string().default('Service'),
  name: z.string(),
}

/** Where an InferencePool says who picks its endpoints: v1 in endpointPickerRef, v1alpha2 in extensionRef. */
export const pool = z.object({
  spec: z.object({
    endpointPickerRef: z.object({ ...pickerRef, port: z.object({ number: z.number() }).optional() }).optional(),
    extensionRef: z.object({ ...pickerRef, portNumber: z.number().optional() }).optional(),
  }),
})

export const model = z.object({ spec: z.object({ modelName: z.string() }) })

const groupKind = z.object({ group: z.string(), kind: z.string() })

const extensionManager = z.object({
  backendResources: z.array(groupKind).default([]),
  service: z.object({ fqdn: z.object({ hostname: z.string() }).optional() }).prefault({}),
})

/** The configuration of Envoy Gateway itself. */
export const envoyGateway = z.object({
  extensionManager: extensionManager.optional(),
  extensionManagers: z.array(extensionManager).default([]),
})

/** A route of Envoy AI Gateway. */
export const aiGatewayRoute = z.object({
  spec: z.object({ rules: z.array(z.object({ backendRefs: references('', '', {}) })).default([]) }),
})

/** An EndpointPickerConfig, for the pickers in it. */
export const pickerConfiguration = z.object({
  plugins: z
    .array(
      z.object({ type: z.string(), parameters: z.object({ maxNumOfEndpoints: z.number().optional() }).prefault({}) }),
    )
    .default([]),
})
