/** Whether a base URL speaks OpenAI's API, found out by asking it for a few words. */
export interface Probed {
  /** Base URLs may or may not end in /v1: this is the one that works. */
  readonly baseUrl: string;
  readonly elapsedMs: number;
}

export class ProbeError extends Error {
  override readonly name = "ProbeError";
}

const TIMEOUT_MS = 30_000;

/** @throws {ProbeError} saying what the endpoint did instead */
export async function probe(endpoint: string, model: string, apiKey: string | undefined): Promise<Probed> {
  const baseUrl = endpoint.replace(/\/+$/u, "");
  const startedAt = performance.now();
  let response: Response;
  try {
    response = await fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { "content-type": "application/json", ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
      body: JSON.stringify({ model, max_tokens: 8, messages: [{ role: "user", content: "Say: 1 + 1 = 2" }] }),
    });
  } catch (cause) {
    throw new ProbeError(`${baseUrl} does not answer (${reasonOf(cause)}): is the server running?`, {
      cause,
    });
  }
  const text = await response.text();
  if (!response.ok) {
    const hint =
      response.status === 401 || response.status === 403
        ? "give its key with --key"
        : response.status === 404
          ? "the base URL usually ends in /v1, and --upstream-model must be a model it has"
          : "it must serve POST /chat/completions as OpenAI does";
    throw new ProbeError(`${baseUrl} answered ${response.status}: ${text.slice(0, 200)}\n${hint}`);
  }
  let content: unknown;
  try {
    content = (JSON.parse(text) as { choices?: { message?: { content?: unknown } }[] }).choices?.[0]?.message
      ?.content;
  } catch {
    content = undefined;
  }
  if (typeof content !== "string")
    throw new ProbeError(`${baseUrl} answered 200, but not with a chat completion: ${text.slice(0, 200)}`);
  return { baseUrl, elapsedMs: Math.round(performance.now() - startedAt) };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
