import type { Readable } from "node:stream";
import { UpstreamError } from "../../ports.ts";
import type { UpstreamLimits } from "./limits.ts";
import { Patience } from "./patience.ts";

/** The bytes of an answer, as they come, within the limits. @throws {UpstreamError} */
export async function* readBytes(
  body: Readable,
  limits: UpstreamLimits,
  startedAtMs: number,
): AsyncGenerator<Uint8Array> {
  const reader = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const patience = new Patience(body, limits.firstContentMs - (performance.now() - startedAtMs));
  let bytes = 0;
  for (;;) {
    let next: IteratorResult<Buffer, unknown>;
    try {
      next = await patience.wait(async () => reader.next());
    } catch (error) {
      if (!patience.isOver) throw error;
      throw new UpstreamError("timeout", "no bytes in time", { cause: error });
    }
    if (patience.isOver) throw new UpstreamError("timeout", "no bytes in time");
    if (next.done === true) return;
    bytes += next.value.length;
    if (bytes > limits.mostAnswerBytes)
      throw new UpstreamError("oversized", `an answer of more than ${limits.mostAnswerBytes} bytes`);
    patience.renew(limits.idleMs);
    yield next.value;
  }
}
