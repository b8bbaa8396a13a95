/** One OpenAI-compatible server for one model, on loopback. */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Ability } from "./ability.ts";
import { asText, complete, embed, stream, type Pace } from "./answers.ts";
import { paint, speak } from "./media.ts";
import {
  ChatBody,
  EmbeddingBody,
  ImageBody,
  parseBody,
  RequestError,
  ResponseBody,
  SpeechBody,
  TextBody,
} from "./requests.ts";
import { respond, streamResponse } from "./responses.ts";

export interface ProviderOptions {
  readonly ability: Ability;
  /** As requests name it. */
  readonly model: string;
  readonly pace: Pace;
  /** 0: any free port. */
  readonly port: number;
  /** Requests need it as their bearer token; undefined: none needed. */
  readonly apiKey?: string | undefined;
  /** More requests at once than this get 429. */
  readonly maxInFlight?: number;
}

export interface RunningProvider {
  /** What OpenAI's clients call the base URL. */
  readonly baseUrl: string;
  readonly inFlight: () => number;
  /** Takes no new requests, lets those in flight end for `graceMs`, then cuts them off. */
  close(graceMs?: number): Promise<void>;
}

const RESPONSES = "/v1/responses";
const COMPLETIONS = "/v1/completions";
const PATHS: Readonly<Record<Ability["kind"], readonly string[]>> = {
  chat: ["/v1/chat/completions", RESPONSES, COMPLETIONS],
  embedding: ["/v1/embeddings"],
  image: ["/v1/images/generations"],
  speech: ["/v1/audio/speech"],
};
const MAX_BODY_BYTES = 1_048_576;
const DEFAULT_MAX_IN_FLIGHT = 64;
const DEFAULT_GRACE_MS = 5_000;
const CREATED_SEC = 1_767_225_600;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new RequestError(413, `the body has more than ${MAX_BODY_BYTES} bytes`, {
        code: "request_too_large",
      });
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new RequestError(400, "the body is not JSON", { code: "invalid_json" });
  }
}

function sendJson(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const refusal = error instanceof RequestError ? error : new RequestError(500, "the model failed");
  if (refusal !== error) console.error(error);
  if (response.headersSent) {
    // An answer that broke off must not look like one that ended.
    response.end(`data: ${JSON.stringify(refusal)}\n\n`);
    return;
  }
  // What is left of a body that was refused is not worth reading.
  const headers = request.complete ? {} : { connection: "close" };
  sendJson(response, refusal.status, refusal, { ...headers, ...refusal.headers });
}

/** Starts to serve. Rejects when the port is taken. */
export async function startProvider(options: ProviderOptions): Promise<RunningProvider> {
  const { ability, model, pace, maxInFlight = DEFAULT_MAX_IN_FLIGHT } = options;
  const expectedKey = options.apiKey === undefined ? undefined : digest(`Bearer ${options.apiKey}`);
  const card = { id: model, object: "model", created: CREATED_SEC, owned_by: "ai1net-demo" };
  let inFlight = 0;

  async function infer(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
    pathname: string,
  ): Promise<void> {
    const body = await readJson(request);
    const named = (body as { model?: unknown } | null)?.model;
    if (typeof named === "string" && named !== model)
      throw new RequestError(404, `the model "${named}" is not served here`, {
        code: "model_not_found",
        param: "model",
      });
    if (ability.kind === "embedding") {
      sendJson(response, 200, await embed(ability, parseBody(EmbeddingBody, body), pace, signal));
      return;
    }
    if (ability.kind === "image") {
      sendJson(response, 200, await paint(ability, parseBody(ImageBody, body), pace, signal));
      return;
    }
    if (ability.kind === "speech") {
      await speak(ability, parseBody(SpeechBody, body), pace, response, signal);
      return;
    }
    if (pathname === COMPLETIONS) {
      const text = parseBody(TextBody, body);
      if (text.stream === true) await stream(ability, text, pace, response, signal, asText);
      else sendJson(response, 200, asText(await complete(ability, text, pace, signal)) ?? {});
      return;
    }
    if (pathname === RESPONSES) {
      const asked = parseBody(ResponseBody, body);
      if (asked.stream) await streamResponse(ability, asked, pace, response, signal);
      else sendJson(response, 200, await respond(ability, asked, pace, signal));
      return;
    }
    const chat = parseBody(ChatBody, body);
    if (chat.stream === true) await stream(ability, chat, pace, response, signal);
    else sendJson(response, 200, await complete(ability, chat, pace, signal));
  }

  async function handle(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    if (expectedKey && !timingSafeEqual(digest(request.headers.authorization ?? ""), expectedKey))
      throw new RequestError(401, "this provider needs another API key", { code: "invalid_api_key" });
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const route = `${request.method} ${pathname}`;
    if (route === "GET /v1/models") {
      sendJson(response, 200, { object: "list", data: [card] });
    } else if (
      route === `GET /v1/models/${model}` ||
      route === `GET /v1/models/${encodeURIComponent(model)}`
    ) {
      sendJson(response, 200, card);
    } else if (request.method === "POST" && PATHS[ability.kind].includes(pathname)) {
      if (inFlight >= maxInFlight)
        throw new RequestError(429, "too many requests at once", {
          code: "rate_limit_exceeded",
          headers: { "retry-after": "1" },
        });
      inFlight++;
      try {
        await infer(request, response, signal, pathname);
      } finally {
        inFlight--;
      }
    } else {
      throw new RequestError(404, `there is no ${route} here`, { code: "not_found" });
    }
  }

  const server = createServer((request, response) => {
    const left = new AbortController();
    response.on("close", () => left.abort());
    handle(request, response, left.signal).catch((error: unknown) => {
      if (!left.signal.aborted) refuse(request, response, error);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    inFlight: () => inFlight,
    close: async (graceMs = DEFAULT_GRACE_MS) => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}
