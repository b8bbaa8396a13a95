import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { isObject } from "../model/chat.ts";
import { CallerLeft, invalidRequest, Refusal } from "../request/refusal.ts";

const MOST_BYTES = 4 * 1024 * 1024;
const MOST_DEPTH = 64;

export interface JsonBody {
  readonly body: Record<string, unknown>;
  /** Length as received. */
  readonly bytes: number;
}

function tooLarge(): Refusal {
  const headers = { connection: "close" };
  return new Refusal(413, "payload_too_large", `the body exceeds ${MOST_BYTES} bytes`, { headers });
}

async function receive(req: IncomingMessage): Promise<Buffer> {
  if (Number(req.headers["content-length"] ?? 0) > MOST_BYTES) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    req.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > MOST_BYTES) {
        req.removeAllListeners("data");
        req.resume();
        reject(tooLarge());
      } else chunks.push(chunk);
    });
    const left = (): void => reject(new CallerLeft("the caller left while sending"));
    req.once("error", left).once("close", left);
    req.once("end", () => {
      // Every request is closed in the end; that is no leaving, and an error has a price.
      req.off("close", left);
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
  });
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether brackets nest deeper than anything honest does; whatever walks the value later may recurse. */
function isTooDeep(text: Buffer): boolean {
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const byte = text[i];
    if (isInString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MOST_DEPTH) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}

/** Reads a JSON object, within bounds. @throws {Refusal} @throws {CallerLeft} */
export async function readBody(req: IncomingMessage): Promise<JsonBody> {
  const { "content-encoding": encoding = "identity", "content-type": type = "application/json" } =
    req.headers;
  if (encoding !== "identity")
    throw new Refusal(415, "invalid_request", `bodies with content-encoding ${encoding} are not accepted`);
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(type))
    throw new Refusal(415, "invalid_request", "the content-type must be application/json");
  const received = await receive(req);
  if (!isUtf8(received)) throw invalidRequest("the body is not UTF-8");
  if (isTooDeep(received)) throw invalidRequest(`the body nests deeper than ${MOST_DEPTH} levels`);
  let body: unknown;
  try {
    body = JSON.parse(received.toString("utf8"));
  } catch (cause) {
    throw new Refusal(400, "invalid_request", "the body is not valid JSON", { cause });
  }
  if (!isObject(body)) throw invalidRequest("the body must be a JSON object");
  return { body, bytes: received.length };
}
