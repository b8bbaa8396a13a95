/** How long a provider may take, and how much it may send. Each is a limit of its own. */
export interface UpstreamLimits {
  readonly connectMs: number;
  /** From the request to the status line of a stream. */
  readonly headersMs: number;
  /** From the request to the first content; comments and roles are none. */
  readonly firstContentMs: number;
  /** What each unit asked for adds to that for a whole answer: it begins when all of it has been generated. */
  readonly msPerUnit: number;
  /** Between contents. */
  readonly idleMs: number;
  /** Between the last content and the end of the stream. */
  readonly tailMs: number;
  /** Of a try from its beginning to its end. */
  readonly totalMs: number;
  readonly mostHeaderBytes: number;
  readonly mostAnswerBytes: number;
  readonly mostEventCharacters: number;
  /** Connections to one origin. */
  readonly connections: number;
  /** Origins with open connections at a time. */
  readonly origins: number;
}

export const DEFAULT_LIMITS: UpstreamLimits = {
  connectMs: 3_000,
  headersMs: 30_000,
  firstContentMs: 60_000,
  msPerUnit: 50,
  idleMs: 30_000,
  tailMs: 3_000,
  totalMs: 600_000,
  mostHeaderBytes: 16 * 1024,
  mostAnswerBytes: 32 * 1024 * 1024,
  mostEventCharacters: 1024 * 1024,
  connections: 512,
  origins: 256,
};
