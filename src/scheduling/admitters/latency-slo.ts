import { z } from 'zod'
import { admitterKind } from '../plugin-kind.ts'

const parameters = z.strictObject({
  latencyPredictionInfoProducerName: z.string().optional(),
})

/** Admits all: it would refuse by predictions of latency alone, and admits where there are none, as the reference does. */
export const latencySloAdmitter = admitterKind('latency-slo-admitter', parameters, (_parameters, context) => {
  context.warn('latency-slo-admitter: latencies are not predicted here; it admits all requests.')
  return { refusal: () => undefined }
})
