import { z } from 'zod'

/** The name of a header as a configuration writes it; gives it in lower case, as requests are asked for it. */
export const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'is no header name')
  .transform((name) => name.toLowerCase())
