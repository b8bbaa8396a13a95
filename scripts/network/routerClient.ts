/** What the command lines ask of a router. */
import { id as keccakOfText, toUtf8Bytes, keccak256, type Signer } from "ethers";

export interface ModelEndpoint {
  readonly provider_id: number;
  readonly listing_id: number;
  readonly offer_id: number;
  readonly status: string;
  readonly pricing: { readonly prompt: string; readonly completion: string; readonly request: string };
  readonly latency_ms: number | null;
  readonly throughput: number | null;
  readonly success_rate: number | null;
}

/** Where a listing is served, as the provider's owner signs it. */
export interface EndpointMessage {
  readonly listingId: number;
  readonly baseUrl: string;
  readonly upstreamModel: string;
  readonly apiKey: string | undefined;
  readonly maxOutputUnits: number;
  readonly contextUnits: number;
}

/** The router answered, and not as hoped. */
export class RouterError extends Error {
  override readonly name = "RouterError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const ENDPOINT_TYPE = {
  Endpoint: [
    { name: "listingId", type: "uint32" },
    { name: "baseUrl", type: "string" },
    { name: "upstreamModel", type: "string" },
    { name: "apiKeyHash", type: "bytes32" },
    { name: "maxOutputUnits", type: "uint24" },
    { name: "contextUnits", type: "uint24" },
    { name: "issuedAt", type: "uint40" },
  ],
};
const TIMEOUT_MS = 20_000;
const EMPTY_HASH = keccakOfText("");

export class RouterClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url.replace(/\/+$/u, "");
  }

  /** The answer's JSON. @throws {RouterError} for any status but 2xx */
  async call<T>(method: string, path: string, options: { body?: object; bearer?: string } = {}): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(options.body && { "content-type": "application/json" }),
        ...(options.bearer !== undefined && { authorization: `Bearer ${options.bearer}` }),
      },
      ...(options.body && { body: JSON.stringify(options.body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      // Not a router, or a proxy before it.
    }
    if (response.ok && json !== undefined) return json as T;
    const { error } = (json ?? {}) as { error?: { message?: string } };
    throw new RouterError(
      response.status,
      `the router says ${response.status}: ${error?.message ?? text.slice(0, 200)}`,
    );
  }

  async isReady(): Promise<boolean> {
    return this.call("GET", "/readyz").then(
      () => true,
      () => false,
    );
  }

  /** Every offer of a model that the router knows an endpoint for; none for an unknown model. */
  async endpoints(model: string): Promise<readonly ModelEndpoint[]> {
    try {
      const answer = await this.call<{ data: { endpoints: ModelEndpoint[] } }>(
        "GET",
        `/v1/models/${model}/endpoints`,
      );
      return answer.data.endpoints;
    } catch (error) {
      if (error instanceof RouterError && error.status === 404) return [];
      throw error;
    }
  }

  /** Tells the router where a listing is served; `signer` is the provider's owner. */
  async setEndpoint(
    message: EndpointMessage,
    signer: Signer,
    chain: { chainId: number; registry: string },
  ): Promise<void> {
    const { apiKey, ...rest } = message;
    const issuedAt = Math.floor(Date.now() / 1_000);
    const domain = {
      name: "AI1NET Router",
      version: "1",
      chainId: chain.chainId,
      verifyingContract: chain.registry,
    };
    const apiKeyHash = apiKey === undefined ? EMPTY_HASH : keccak256(toUtf8Bytes(apiKey));
    const signature = await signer.signTypedData(domain, ENDPOINT_TYPE, { ...rest, apiKeyHash, issuedAt });
    await this.call("POST", "/v1/provider/endpoints", {
      body: {
        listing_id: message.listingId,
        base_url: message.baseUrl,
        upstream_model: message.upstreamModel,
        ...(apiKey !== undefined && { api_key: apiKey }),
        max_output_units: message.maxOutputUnits,
        context_units: message.contextUnits,
        issued_at: issuedAt,
        signature,
      },
    });
  }
}
