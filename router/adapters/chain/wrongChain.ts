/** The configuration and the chain do not fit each other. */
export class WrongChain extends Error {
  override readonly name = "WrongChain";
}
