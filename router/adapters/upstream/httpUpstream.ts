import type { LookupFunction } from "node:net";
import type { Readable } from "node:stream";
import { Pool, type Dispatcher } from "undici";
import { isObject } from "../../model/chat.ts";
import type { Endpoint } from "../../model/record.ts";
import {
  UpstreamError,
  type StreamShape,
  type Upstream,
  type UpstreamAnswer,
  type UpstreamBytes,
  type UpstreamChunk,
  type EndpointClaims,
} from "../../ports.ts";
import { guardedLookup, refuseUrl, type EndpointPolicy, type ResolveName } from "./endpointPolicy.ts";
import { Deadline } from "./deadline.ts";
import { clientError, inBandError, statusError, usageOf } from "./faults.ts";
import { DEFAULT_LIMITS, type UpstreamLimits } from "./limits.ts";
import { readBytes } from "./readBytes.ts";
import { readClaims } from "./readClaims.ts";
import { readEvents } from "./readEvents.ts";
import { readWhole } from "./readWhole.ts";

const NO_USAGE = { inputUnits: undefined, outputUnits: undefined, cachedUnits: undefined };
/** Of a list of models. */
const MOST_LIST_BYTES = 1024 * 1024;
/** Of an error's body, more is not worth reading. */
const MOST_ERROR_BYTES = 64 * 1024;

type Answer = Dispatcher.ResponseData;

interface Address {
  readonly origin: string;
  readonly basePath: string;
}

/** Providers over HTTP: one bounded pool of connections per origin. */
export class HttpUpstream implements Upstream {
  readonly #policy: EndpointPolicy;
  readonly #limits: UpstreamLimits;
  readonly #lookup: LookupFunction;
  /** The one used last comes last. */
  readonly #pools = new Map<string, Pool>();
  readonly #addresses = new WeakMap<Endpoint, Address>();

  constructor(policy: EndpointPolicy, limits: Partial<UpstreamLimits> = {}, resolveName?: ResolveName) {
    this.#policy = policy;
    this.#lookup = guardedLookup(policy, resolveName);
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  async complete(
    endpoint: Endpoint,
    path: string,
    body: object,
    signal: AbortSignal,
  ): Promise<UpstreamAnswer> {
    const deadline = new Deadline(signal, this.#limits.totalMs);
    try {
      const json = await this.#completeObject(endpoint, path, body, deadline);
      const failure = inBandError(json, endpoint);
      if (failure) throw failure;
      return { body: json, usage: usageOf(json) ?? NO_USAGE };
    } catch (error) {
      throw deadline.explain(clientError(error, signal));
    } finally {
      deadline.clear();
    }
  }

  async stream(
    endpoint: Endpoint,
    path: string,
    body: object,
    signal: AbortSignal,
    shape: StreamShape,
  ): Promise<AsyncIterable<UpstreamChunk>> {
    const deadline = new Deadline(signal, this.#limits.totalMs);
    const startedAtMs = performance.now();
    try {
      const answer = await this.#post(endpoint, path, body, "text/event-stream", deadline.signal());
      const type = String(answer.headers["content-type"] ?? "");
      if (!/^text\/event-stream\b/i.test(type)) {
        const json = await this.#readObject(answer, endpoint);
        throw inBandError(json, endpoint) ?? new UpstreamError("protocol", "an answer that is no stream");
      }
      const events = readEvents(answer.body, endpoint, this.#limits, startedAtMs, shape);
      return this.#chunks(answer, events, signal, deadline);
    } catch (error) {
      deadline.clear();
      throw deadline.explain(clientError(error, signal));
    }
  }

  async *#chunks(
    answer: Answer,
    events: AsyncIterable<Record<string, unknown>>,
    signal: AbortSignal,
    deadline: Deadline,
  ): AsyncGenerator<UpstreamChunk> {
    for await (const body of this.#guarded(answer, events, signal, deadline))
      yield { body, usage: usageOf(body) };
  }

  /** What is read of an answer, with its errors explained and its connection looked after. */
  async *#guarded<T>(
    answer: Answer,
    reading: AsyncIterable<T>,
    signal: AbortSignal,
    deadline: Deadline,
  ): AsyncGenerator<T> {
    let isWhole = false;
    try {
      yield* reading;
      isWhole = true;
    } catch (error) {
      throw deadline.explain(clientError(error, signal));
    } finally {
      deadline.clear();
      if (isWhole) letEnd(answer);
      else abandon(answer);
    }
  }

  async bytes(endpoint: Endpoint, path: string, body: object, signal: AbortSignal): Promise<UpstreamBytes> {
    const deadline = new Deadline(signal, this.#limits.totalMs);
    const startedAtMs = performance.now();
    try {
      const answer = await this.#post(endpoint, path, body, "*/*", deadline.signal());
      const contentType = String(answer.headers["content-type"] ?? "");
      if (!/^(?:audio\/[\w.+-]+|application\/octet-stream)\b/i.test(contentType)) {
        const json = await this.#readObject(answer, endpoint);
        throw inBandError(json, endpoint) ?? new UpstreamError("protocol", "an answer that is no sound");
      }
      const chunks = readBytes(answer.body, this.#limits, startedAtMs);
      return { contentType, chunks: this.#guarded(answer, chunks, signal, deadline) };
    } catch (error) {
      deadline.clear();
      throw deadline.explain(clientError(error, signal));
    }
  }

  async probe(endpoint: Endpoint, signal: AbortSignal): Promise<EndpointClaims> {
    const { headersMs } = this.#limits;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(headersMs)]);
    const accept = "application/json";
    try {
      const answer = await this.#request(endpoint, "GET", "/models", undefined, accept, headersMs, limit);
      const { statusCode } = answer;
      const list = statusCode === 200 ? await readList(answer) : undefined;
      abandon(answer);
      // A server need not list its models; that it is one, and takes the key, is enough.
      const isFine = statusCode < 300 || statusCode === 404 || statusCode === 405 || statusCode === 429;
      if (!isFine) throw statusError(statusCode, undefined, answer.headers, endpoint);
      return readClaims(list, endpoint.upstreamModel);
    } catch (error) {
      if (limit.aborted && !signal.aborted) throw new UpstreamError("timeout", "no answer in time");
      throw clientError(error, signal);
    }
  }

  /** Closes every connection. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(async (pool) => pool.destroy()));
  }

  async #completeObject(
    endpoint: Endpoint,
    path: string,
    body: object,
    deadline: Deadline,
  ): Promise<Record<string, unknown>> {
    const { origin, basePath } = this.#addressOf(endpoint);
    const { statusCode, headers, text } = await readWhole(
      this.#poolOf(origin),
      {
        path: basePath + path,
        headers: this.#headers(endpoint, "application/json", true),
        body: JSON.stringify(body),
      },
      {
        headersMs: this.#headersMs(body),
        mostBytes: this.#limits.mostAnswerBytes,
        mostErrorBytes: MOST_ERROR_BYTES,
      },
      deadline,
    );
    if (statusCode === 200) return objectIn(text, endpoint);
    throw statusError(statusCode, jsonIn(text), headers, endpoint);
  }

  async #post(
    endpoint: Endpoint,
    path: string,
    body: object,
    accept: string,
    signal: AbortSignal,
  ): Promise<Answer> {
    const headersMs = this.#headersMs(body);
    const answer = await this.#request(
      endpoint,
      "POST",
      path,
      JSON.stringify(body),
      accept,
      headersMs,
      signal,
    );
    if (answer.statusCode === 200) return answer;
    // Whatever it says, the status says enough.
    const reason = await readText(answer.body, MOST_ERROR_BYTES).catch(() => "");
    abandon(answer);
    throw statusError(answer.statusCode, jsonIn(reason), answer.headers, endpoint);
  }

  async #request(
    endpoint: Endpoint,
    method: "GET" | "POST",
    path: string,
    body: string | undefined,
    accept: string,
    headersMs: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { origin, basePath } = this.#addressOf(endpoint);
    return this.#poolOf(origin).request({
      method,
      path: basePath + path,
      headers: this.#headers(endpoint, accept, body !== undefined),
      signal,
      body: body ?? null,
      headersTimeout: headersMs,
      // The reader of the body has limits of its own.
      bodyTimeout: 0,
    });
  }

  #headers({ apiKey }: Endpoint, accept: string, hasBody: boolean): Record<string, string> {
    const headers: Record<string, string> = { accept };
    if (hasBody) headers["content-type"] = "application/json";
    if (apiKey !== undefined) headers["authorization"] = `Bearer ${apiKey}`;
    return headers;
  }

  /** A stream answers at once; a whole answer begins only when all of it has been generated. */
  #headersMs(body: object): number {
    const { headersMs, firstContentMs, msPerUnit, totalMs } = this.#limits;
    const { stream, max_tokens: most = 0, n = 1 } = body as Record<string, unknown>;
    if (stream === true) return headersMs;
    return Math.min(totalMs, firstContentMs + Number(most) * Number(n) * msPerUnit);
  }

  /** Where an endpoint is; judged once, for neither it nor the policy changes. */
  #addressOf(endpoint: Endpoint): Address {
    const known = this.#addresses.get(endpoint);
    if (known) return known;
    const refusal = refuseUrl(endpoint.baseUrl, this.#policy);
    if (refusal !== undefined) throw new UpstreamError("connect", `not contacted: ${refusal}`);
    const url = new URL(endpoint.baseUrl);
    const address = { origin: url.origin, basePath: url.pathname.replace(/\/$/, "") };
    this.#addresses.set(endpoint, address);
    return address;
  }

  #poolOf(origin: string): Pool {
    let pool = this.#pools.get(origin);
    if (pool) this.#pools.delete(origin);
    else {
      pool = new Pool(origin, {
        connections: this.#limits.connections,
        connect: { timeout: this.#limits.connectMs, lookup: this.#lookup },
        maxHeaderSize: this.#limits.mostHeaderBytes,
        // Whatever is promised about limits and cancelling is tested with HTTP/1.1.
        allowH2: false,
      });
    }
    this.#pools.set(origin, pool);
    if (this.#pools.size > this.#limits.origins) {
      const [oldest, idle] = this.#pools.entries().next().value ?? [];
      if (oldest !== undefined) this.#pools.delete(oldest);
      // Waits for what is under way there.
      void idle?.close();
    }
    return pool;
  }

  async #readObject(answer: Answer, endpoint: Endpoint): Promise<Record<string, unknown>> {
    try {
      return objectIn(await readText(answer.body, this.#limits.mostAnswerBytes), endpoint);
    } finally {
      abandon(answer);
    }
  }
}

/** An answer's text as the object that it has to be. @throws {UpstreamError} `protocol` */
function objectIn(text: string, endpoint: Endpoint): Record<string, unknown> {
  const json = jsonIn(text);
  if (json === undefined) throw new UpstreamError("protocol", "an answer that is no JSON");
  if (!isObject(json))
    throw new UpstreamError("protocol", `an answer of ${endpoint.upstreamModel} that is no object`);
  return json;
}

/** Undefined when it is no JSON. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Drops what is left of an answer; a connection with an unread rest is closed. */
function abandon(answer: Answer): void {
  // Nobody is left to care about the error of a body that is destroyed.
  answer.body.on("error", () => undefined);
  answer.body.destroy();
}

const END_MS = 250;

/** Lets the last bytes of a finished stream arrive, so that its connection can be used again. */
function letEnd(answer: Answer): void {
  const { body } = answer;
  if (body.readableEnded || body.destroyed) return;
  const limit = setTimeout(() => abandon(answer), END_MS);
  body.once("close", () => clearTimeout(limit));
  body.on("error", () => undefined);
  body.resume();
}

/** An answer that need not be JSON, nor short. */
async function readList(answer: Answer): Promise<unknown> {
  try {
    return jsonIn(await readText(answer.body, MOST_LIST_BYTES));
  } catch (error) {
    if (error instanceof UpstreamError) return undefined;
    throw error;
  }
}

async function readText(body: Readable, mostBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > mostBytes) throw new UpstreamError("oversized", `an answer of more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
