import { MessageReader } from '../../src/extproc/message-reader.ts'
import { EventRecorder, headerTable, type Told } from './processing-request.ts'

export const mebibyte = 1024 * 1024
export const maxMessageBytes = 2 * mebibyte

export function openReader() {
  const recorder = new EventRecorder()
  return { recorder, reader: new MessageReader(headerTable, recorder, maxMessageBytes) }
}

/** What is told of a stream that arrives in these pieces. */
export function readStream(pieces: readonly Buffer[]): Told[] {
  const { recorder, reader } = openReader()
  for (const piece of pieces) reader.push(piece)
  if (!reader.isBetweenMessages) throw new Error('the stream ends in the middle of a message')
  return recorder.events
}
