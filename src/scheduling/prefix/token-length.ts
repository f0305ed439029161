import { bytesPerToken } from '../plugin.ts'

/** Below so many bytes of prompt the tokens of the chat template would count for too much. */
const leastPromptBytes = 1024

/** Longer tokens are no text: images come as some megabytes for some hundred tokens. */
const longestTokenBytes = 16

/** Share of the newest prompt in the mean. */
const weight = 1 / 32

/** How many bytes of prompts, as they stand in bodies, make a token: an average over what model servers report. */
export class TokenLength {
  #bytes = bytesPerToken

  get bytes(): number {
    return this.#bytes
  }

  learn(promptBytes: number, promptTokens: number): void {
    const bytes = promptBytes / promptTokens
    if (promptBytes < leastPromptBytes || !(bytes >= 1 && bytes <= longestTokenBytes)) return
    this.#bytes += (bytes - this.#bytes) * weight
  }
}
