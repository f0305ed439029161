import type { Usage } from '../scheduling/plugin.ts'

/**
 * The numbers that responses tell of themselves, as they name them: those of `usage`, and of sglang's `meta_info`. Two
 * servers write `prompt_token_details`, which OpenAI's API calls `prompt_tokens_details`.
 */
export const usageFields = [
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'prompt_tokens_details.cached_tokens',
  'prompt_token_details.cached_tokens',
  'input_tokens_details.cached_tokens',
  'completion_tokens_details.reasoning_tokens',
  'output_tokens_details.reasoning_tokens',
] as const
export type UsageField = (typeof usageFields)[number]

/** Where a field is kept in {@link UsageNumbers}. */
export const usageIndex = Object.fromEntries(usageFields.map((field, index) => [field, index])) as Readonly<
  Record<UsageField, number>
>

/** One number for each of {@link usageFields}, where it was told. */
export class UsageNumbers {
  readonly #values = new Array<number>(usageFields.length).fill(0)
  /** One bit for each field that was told. */
  #told = 0

  get isEmpty(): boolean {
    return this.#told === 0
  }

  get(field: UsageField): number | undefined {
    const index = usageIndex[field]
    return (this.#told & (1 << index)) === 0 ? undefined : this.#values[index]
  }

  set(index: number, value: number): void {
    this.#values[index] = value
    this.#told |= 1 << index
  }

  unset(index: number): void {
    this.#told &= ~(1 << index)
  }

  clear(): void {
    this.#told = 0
  }

  /** Takes over what `other` has. Later events of a stream tell some of the numbers anew, not always all of them. */
  merge(other: UsageNumbers): void {
    let left = other.#told
    this.#told |= left
    while (left !== 0) {
      const index = 31 - Math.clz32(left)
      this.#values[index] = other.#values[index]
      left ^= 1 << index
    }
  }
}

/** The numbers under the names of {@link Usage}; undefined when none was told. A total is summed up where only its parts are. */
export function usageOf(numbers: UsageNumbers): Usage | undefined {
  if (numbers.isEmpty) return undefined
  const promptTokens = numbers.get('prompt_tokens') ?? numbers.get('input_tokens')
  const completionTokens = numbers.get('completion_tokens') ?? numbers.get('output_tokens')
  const cachedTokens =
    numbers.get('prompt_tokens_details.cached_tokens') ??
    numbers.get('prompt_token_details.cached_tokens') ??
    numbers.get('input_tokens_details.cached_tokens') ??
    numbers.get('cache_read_input_tokens') ??
    numbers.get('cached_tokens')
  const totalTokens =
    numbers.get('total_tokens') ??
    (promptTokens === undefined || completionTokens === undefined ? undefined : promptTokens + completionTokens)
  if ((promptTokens ?? completionTokens ?? cachedTokens ?? totalTokens) === undefined) return undefined
  return { promptTokens, completionTokens, cachedTokens, totalTokens }
}

/**
 * The numbers by their names, for expressions. The three that the reference reports of every API have OpenAI's names too,
 * whatever the response calls them.
 */
export function namedUsage(numbers: UsageNumbers): Record<string, number> {
  const named: Record<string, number> = {}
  for (const field of usageFields) {
    const value = numbers.get(field)
    if (value !== undefined) named[field] = value
  }
  const usage = usageOf(numbers)
  if (usage?.promptTokens !== undefined) named.prompt_tokens = usage.promptTokens
  if (usage?.completionTokens !== undefined) named.completion_tokens = usage.completionTokens
  if (usage?.totalTokens !== undefined) named.total_tokens = usage.totalTokens
  return named
}
