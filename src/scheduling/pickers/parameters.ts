import { z } from 'zod'

/** What every picker takes. */
export const pickerParameters = z.strictObject({
  /** More than one gives the proxy endpoints to fall back to, in this order. */
  maxNumOfEndpoints: z.int().min(1).default(1),
})
