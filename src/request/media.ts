/** Types and keys of content parts that are not text, as the OpenAI, vLLM and Anthropic APIs write them. */
const marks = ['"image_url"', '"input_image"', '"input_audio"', '"audio_url"', '"video_url"', '"image"'].map((mark) =>
  Buffer.from(mark),
)
const longest = Math.max(...marks.map(({ length }) => length))

/**
 * Whether a prompt has images, audio or video in it, as far as the names of its parts tell. A text that quotes such a name
 * counts, too: the encoders then find nothing to do.
 */
export class MediaSearch {
  #isFound = false
  /** The end of the bytes before, where a mark may have begun. */
  #tail: Buffer = Buffer.alloc(0)

  get isFound(): boolean {
    return this.#isFound
  }

  push(bytes: Buffer, start: number, end: number): void {
    if (this.#isFound) return
    const piece = bytes.subarray(start, end)
    const border = Buffer.concat([this.#tail, piece.subarray(0, longest - 1)])
    this.#isFound = marks.some((mark) => border.includes(mark) || piece.includes(mark))
    this.#tail = Buffer.from(piece.length < longest ? border.subarray(-longest + 1) : piece.subarray(-longest + 1))
  }
}
