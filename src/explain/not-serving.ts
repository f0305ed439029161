/** Nobody serves at this moment, so that there is no live state. The message says what to do. */
export class NotServing extends Error {
  override readonly name = 'NotServing'
}
