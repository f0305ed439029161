/** A name in a plugin's parameters that leads to no plugin, or to one of the wrong kind. */
export class BadReference extends Error {
  /** The name, by which its place in the parameters is found. */
  readonly reference: string

  constructor(reference: string, message: string) {
    super(message)
    this.reference = reference
  }
}
