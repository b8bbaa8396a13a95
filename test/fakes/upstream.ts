import { setImmediate } from "node:timers/promises";
import { usageOf } from "../../router/adapters/upstream/faults.ts";
import type { Endpoint } from "../../router/model/record.ts";
import {
  UpstreamError,
  type EndpointClaims,
  type Upstream,
  type UpstreamBytes,
  type UpstreamChunk,
  type UpstreamFault,
} from "../../router/ports.ts";

type Body = Record<string, unknown>;

/** What a provider does with the next request: answers, or fails; streams may do both. */
export interface Script {
  readonly answer?: Body;
  readonly chunks?: readonly (Body | (() => unknown))[];
  readonly bytes?: {
    readonly contentType: string;
    readonly chunks: readonly (Uint8Array | (() => unknown))[];
  };
  readonly fault?: UpstreamFault;
  readonly status?: number;
}

const noUsage = { inputUnits: undefined, outputUnits: undefined, cachedUnits: undefined };

/** Providers that follow scripts, one queue per listing. The last script of a queue is repeated. */
export class FakeUpstream implements Upstream {
  readonly scripts = new Map<number, Script[]>();
  readonly requests: { readonly listingId: number; readonly path: string; readonly body: Body }[] = [];
  cancelled = 0;
  claims: EndpointClaims = {};
  probeFault: UpstreamFault | undefined;

  script(listingId: number, ...scripts: Script[]): void {
    this.scripts.set(listingId, scripts);
  }

  #next(endpoint: Endpoint, path: string, body: object): Script {
    this.requests.push({ listingId: endpoint.listingId, path, body: body as Body });
    const queue = this.scripts.get(endpoint.listingId) ?? [];
    return (queue.length > 1 ? queue.shift() : queue[0]) ?? { fault: "connect" };
  }

  async complete(endpoint: Endpoint, path: string, body: object, signal: AbortSignal) {
    const script = this.#next(endpoint, path, body);
    await setImmediate();
    if (signal.aborted) throw new UpstreamError("aborted", "the caller left");
    if (script.fault) throw new UpstreamError(script.fault, "scripted", { status: script.status });
    const answer = script.answer ?? {};
    return { body: answer, usage: usageOf(answer) ?? noUsage };
  }

  async stream(endpoint: Endpoint, path: string, body: object, signal: AbortSignal) {
    const script = this.#next(endpoint, path, body);
    await setImmediate();
    if (script.fault && !script.chunks)
      throw new UpstreamError(script.fault, "scripted", { status: script.status });
    return this.#chunks(script, signal);
  }

  async *#chunks(script: Script, signal: AbortSignal): AsyncGenerator<UpstreamChunk> {
    let isWhole = false;
    try {
      for (const chunk of script.chunks ?? []) {
        await setImmediate();
        if (signal.aborted) throw new UpstreamError("aborted", "the caller left");
        if (typeof chunk === "function") {
          await chunk();
          continue;
        }
        yield { body: chunk, usage: usageOf(chunk) };
      }
      if (script.fault) throw new UpstreamError(script.fault, "scripted", { status: script.status });
      isWhole = true;
    } finally {
      if (!isWhole) this.cancelled++;
    }
  }

  async bytes(endpoint: Endpoint, path: string, body: object, signal: AbortSignal): Promise<UpstreamBytes> {
    const script = this.#next(endpoint, path, body);
    await setImmediate();
    if (!script.bytes)
      throw new UpstreamError(script.fault ?? "protocol", "scripted", { status: script.status });
    return { contentType: script.bytes.contentType, chunks: this.#bytes(script, signal) };
  }

  async *#bytes({ bytes, fault }: Script, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let isWhole = false;
    try {
      for (const chunk of bytes?.chunks ?? []) {
        await setImmediate();
        if (signal.aborted) throw new UpstreamError("aborted", "the caller left");
        if (typeof chunk === "function") await chunk();
        else yield chunk;
      }
      if (fault) throw new UpstreamError(fault, "scripted");
      isWhole = true;
    } finally {
      if (!isWhole) this.cancelled++;
    }
  }

  async probe(): Promise<EndpointClaims> {
    if (this.probeFault) throw new UpstreamError(this.probeFault, "scripted");
    return this.claims;
  }
}

export const delta = (content: string): Body => ({
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
});
export const role: Body = {
  choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
};
export const finish = (reason = "stop"): Body => ({
  choices: [{ index: 0, delta: {}, finish_reason: reason }],
});
export const usage = (input: number, output: number): Body => ({
  choices: [],
  usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
});
export const answer = (content: string, input?: number, output?: number): Body => ({
  choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  ...(input !== undefined && { usage: { prompt_tokens: input, completion_tokens: output } }),
});
