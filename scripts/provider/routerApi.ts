/** What the command line asks of a router. */
import { keccak256, toUtf8Bytes, type Signer } from "ethers";
import { z } from "zod";

import type { EconomyFile } from "../economyFile.ts";

/** A router, and the chain that it settles on. */
export type RouterOf = { readonly economy: Pick<EconomyFile, "routerUrl" | "chainId" | "contracts"> };

export class RouterError extends Error {
  override readonly name = "RouterError";
}

const Endpoints = z.object({
  data: z.object({
    endpoints: z.array(
      z.object({
        provider_id: z.int(),
        listing_id: z.int(),
        offer_id: z.int(),
        pricing: z.object({ prompt: z.string(), completion: z.string(), request: z.string() }),
        status: z.string(),
      }),
    ),
  }),
});
export type ServedEndpoint = z.infer<typeof Endpoints>["data"]["endpoints"][number];

/** The endpoints that serve a model now; none for a model that the router does not know. */
export async function servedEndpoints(
  { economy }: RouterOf,
  model: string,
): Promise<readonly ServedEndpoint[]> {
  const response = await fetch(`${economy.routerUrl}/v1/models/${encodeURI(model)}/endpoints`);
  if (response.status === 404) return [];
  return Endpoints.parse(await bodyOf(response)).data.endpoints;
}

export interface EndpointSettings {
  readonly listingId: number;
  readonly baseUrl: string;
  readonly upstreamModel: string;
  readonly apiKey: string | undefined;
  readonly maxOutputUnits: number;
  readonly contextUnits: number;
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

/** Tells the router where a listing is served, signed by the provider's owner. @throws {RouterError} */
export async function announceEndpoint(
  connection: RouterOf & { readonly wallet: Signer },
  settings: EndpointSettings,
): Promise<void> {
  const { economy, wallet } = connection;
  const issuedAt = Math.floor(Date.now() / 1000);
  const { listingId, baseUrl, upstreamModel, apiKey, maxOutputUnits, contextUnits } = settings;
  const domain = {
    name: "AI1NET Router",
    version: "1",
    chainId: economy.chainId,
    verifyingContract: economy.contracts.Registry,
  };
  const apiKeyHash = keccak256(toUtf8Bytes(apiKey ?? ""));
  const message = { listingId, baseUrl, upstreamModel, apiKeyHash, maxOutputUnits, contextUnits, issuedAt };
  const response = await fetch(`${economy.routerUrl}/v1/provider/endpoints`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      listing_id: listingId,
      base_url: baseUrl,
      upstream_model: upstreamModel,
      ...(apiKey !== undefined && { api_key: apiKey }),
      max_output_units: maxOutputUnits,
      context_units: contextUnits,
      issued_at: issuedAt,
      signature: await wallet.signTypedData(domain, ENDPOINT_TYPE, message),
    }),
  });
  await bodyOf(response);
}

/** Has the router serve one small request by this very provider, paid by the demo's key. @throws {RouterError} */
export async function firstRequest(
  { economy }: { readonly economy: EconomyFile },
  model: string,
  providerId: number,
): Promise<string> {
  const response = await fetch(`${economy.routerUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${economy.demo.apiKey}` },
    body: JSON.stringify({
      model,
      max_tokens: 16,
      messages: [{ role: "user", content: "What is 1 + 1?" }],
      provider: { only: [String(providerId)], allow_fallbacks: false },
    }),
  });
  const Answer = z.object({ receipt: z.object({ id: z.string() }) });
  return Answer.parse(await bodyOf(response)).receipt.id;
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (!response.ok) throw new RouterError(`the router answered ${response.status}: ${messageIn(text)}`);
  return JSON.parse(text) as unknown;
}

function messageIn(text: string): string {
  try {
    const message = (JSON.parse(text) as { error?: { message?: unknown } }).error?.message;
    return typeof message === "string" ? message : text.slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}
