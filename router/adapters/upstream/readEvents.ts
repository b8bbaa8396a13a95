import type { Readable } from "node:stream";
import { isObject } from "../../model/chat.ts";
import type { Endpoint } from "../../model/record.ts";
import { UpstreamError, type StreamShape } from "../../ports.ts";
import { inBandError } from "./faults.ts";
import type { UpstreamLimits } from "./limits.ts";
import { Patience } from "./patience.ts";
import { EventTooLong, SseParser } from "./sse.ts";

const END = "[DONE]";

function parseEvent(data: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(data);
  } catch (cause) {
    throw new UpstreamError("protocol", "an event that is no JSON", { cause });
  }
  if (!isObject(body)) throw new UpstreamError("protocol", "an event that is no object");
  return body;
}

/**
 * The events of an OpenAI stream, as objects, until its proper end: `[DONE]`, or the end of the body after every answer
 * has ended. Heartbeats and empty chunks don't buy time.
 * @throws {UpstreamError}
 */
export async function* readEvents(
  body: Readable,
  endpoint: Endpoint,
  limits: UpstreamLimits,
  startedAtMs: number,
  shape: StreamShape,
): AsyncGenerator<Record<string, unknown>> {
  const parser = new SseParser(limits.mostEventCharacters);
  const reader = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const patience = new Patience(body, limits.firstContentMs - (performance.now() - startedAtMs));
  let finished = 0;
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await patience.wait(async () => reader.next());
      if (done === true) break;
      bytes += value.length;
      if (bytes > limits.mostAnswerBytes)
        throw new UpstreamError("oversized", `a stream of more than ${limits.mostAnswerBytes} bytes`);
      for (const event of parser.push(value)) {
        if (event.data === END) {
          if (finished >= shape.answers || shape.mayEndEarly) return;
          throw new UpstreamError("protocol", "the stream ended before its answer did");
        }
        const json = parseEvent(event.data);
        const failure = inBandError(json, endpoint);
        if (failure) throw failure;
        if (event.name === "error") throw new UpstreamError("in_band", "an event named error");
        const ends = shape.ends(json);
        finished += ends;
        if (ends > 0 && finished >= shape.answers) patience.renew(limits.tailMs);
        else if (ends > 0 || shape.hasContent(json)) patience.renew(limits.idleMs);
        yield json;
      }
    }
  } catch (error) {
    if (error instanceof EventTooLong) throw new UpstreamError("oversized", error.message, { cause: error });
    if (!patience.isOver) throw error;
  }
  // After the finish reasons nothing is missing but formalities.
  if (finished >= shape.answers) return;
  if (patience.isOver) throw new UpstreamError("timeout", "no content in time");
  throw new UpstreamError("protocol", "the stream ended before its answer did");
}
