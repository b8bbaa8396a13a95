import { keccak256, toHex, type Hex } from "../model/bytes.ts";
import type { Endpoint } from "../model/record.ts";
import {
  UpstreamError,
  type Clock,
  type EndpointClaims,
  type EndpointMessage,
  type Journal,
  type RefuseEndpoint,
  type Upstream,
  type VerifyEndpoint,
} from "../ports.ts";
import type { Catalog } from "./catalog.ts";

const VALID_FOR_SEC = 600;
const PROBE_MS = 15_000;

export interface Registration {
  readonly catalog: Catalog;
  readonly journal: Journal;
  readonly upstream: Upstream;
  readonly clock: Clock;
  /** Reads the market anew: a listing may be younger than the catalog. */
  readonly refreshMarket: () => Promise<void>;
  readonly verifyEndpoint: VerifyEndpoint;
  readonly refuseEndpoint: RefuseEndpoint;
}

/** Why an endpoint was not taken. */
export class EndpointRefused extends Error {
  override readonly name = "EndpointRefused";
  readonly reason: "unknown_listing" | "not_owner" | "expired" | "replayed" | "address" | "unreachable";

  constructor(reason: EndpointRefused["reason"], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

function messageOf(endpoint: Endpoint): EndpointMessage {
  const { listingId, baseUrl, upstreamModel, apiKey, maxOutputUnits, contextUnits, issuedAtSec } = endpoint;
  const apiKeyHash = toHex(keccak256(new TextEncoder().encode(apiKey ?? "")));
  return {
    listingId,
    baseUrl,
    upstreamModel,
    apiKeyHash,
    maxOutputUnits,
    contextUnits,
    issuedAt: issuedAtSec,
  };
}

/**
 * Takes a provider's word for where a listing is served: signed by the provider's owner, fresh, newer than the last, at
 * an address that the router may talk to, and answering. Nothing is contacted before the signature is known to be right.
 * @throws {EndpointRefused}
 * @throws {JournalFailure}
 */
export async function registerEndpoint(
  registration: Registration,
  endpoint: Endpoint,
  signature: Hex,
): Promise<void> {
  const { catalog, journal, upstream, clock } = registration;
  const { listingId, issuedAtSec } = endpoint;
  const checkAge = (): void => {
    if (Math.abs(clock.nowMs() / 1000 - issuedAtSec) > VALID_FOR_SEC)
      throw new EndpointRefused("expired", `issued_at must be within ${VALID_FOR_SEC} s of now`);
    if (issuedAtSec <= (catalog.endpoint(listingId)?.issuedAtSec ?? 0))
      throw new EndpointRefused("replayed", "issued_at must be later than that of the endpoint known so far");
  };
  checkAge();
  if (!catalog.listing(listingId)) await registration.refreshMarket();
  const listing = catalog.listing(listingId);
  const owner = listing && catalog.provider(listing.providerId)?.owner;
  if (!owner) throw new EndpointRefused("unknown_listing", `there is no listing ${listingId}`);

  const signer = await registration.verifyEndpoint(messageOf(endpoint), signature);
  if (signer?.toLowerCase() !== owner.toLowerCase())
    throw new EndpointRefused("not_owner", "the signature is not that of the listing's provider");

  const refusal = await registration.refuseEndpoint(endpoint.baseUrl);
  if (refusal !== undefined) throw new EndpointRefused("address", refusal);
  let claims: EndpointClaims;
  try {
    claims = await upstream.probe(endpoint, AbortSignal.timeout(PROBE_MS));
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    throw new EndpointRefused("unreachable", `the endpoint does not answer: ${error.message}`, error);
  }
  // Another message may have come in during the probe.
  checkAge();
  const known = { ...endpoint, ...claims };
  await journal.append({ kind: "endpoint", endpoint: known });
  if (issuedAtSec > (catalog.endpoint(listingId)?.issuedAtSec ?? 0)) catalog.setEndpoint(known);
}
