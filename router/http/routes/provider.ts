import { EndpointRefused, registerEndpoint, type Registration } from "../../market/registerEndpoint.ts";
import type { Store, StoredReceipt } from "../../ports.ts";
import { invalidRequest, journalDown, Refusal } from "../../request/refusal.ts";
import { carries } from "../admin.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { readBody } from "../readBody.ts";
import type { Route } from "../route.ts";
import { EndpointFields, parse } from "../schemas.ts";
import { storedReceiptJson } from "./receipts.ts";

const MOST_RECEIPTS = 500;

/** Status and field at fault. */
const REFUSED = {
  unknown_listing: [404, "not_found", "listing_id"],
  not_owner: [403, "permission_denied", "signature"],
  replayed: [409, "invalid_request", "issued_at"],
  expired: [400, "invalid_request", "issued_at"],
  address: [400, "invalid_request", "base_url"],
  unreachable: [400, "invalid_request", "base_url"],
} as const;

function refusalOf({ reason, message, cause }: EndpointRefused): Refusal {
  const [status, errorType, param] = REFUSED[reason];
  return new Refusal(status, errorType, message, { param, metadata: { reason }, shouldRetry: false, cause });
}

function endpointRoute({ world, catalog, refreshMarket, verifyEndpoint, refuseEndpoint }: AppDeps): Route {
  const { journal, upstream, clock } = world;
  const registration: Registration = {
    catalog,
    journal,
    upstream,
    clock,
    refreshMarket,
    verifyEndpoint,
    refuseEndpoint,
  };
  return {
    method: "post",
    path: "/v1/provider/endpoints",
    async handle({ req, res }) {
      const fields = parse(EndpointFields, (await readBody(req)).body);
      if (journal.failure()) throw journalDown();
      const endpoint = {
        listingId: fields.listing_id,
        baseUrl: fields.base_url,
        upstreamModel: fields.upstream_model,
        apiKey: fields.api_key,
        maxOutputUnits: fields.max_output_units,
        contextUnits: fields.context_units,
        issuedAtSec: fields.issued_at,
      };
      try {
        await registerEndpoint(registration, endpoint, fields.signature);
      } catch (error) {
        throw error instanceof EndpointRefused ? refusalOf(error) : error;
      }
      sendJson(res, 201, {
        listing_id: endpoint.listingId,
        status: catalog.health(endpoint.listingId).state,
      });
    },
  };
}

const integer = (query: Record<string, unknown>, name: string, fallback: number | undefined): number => {
  const text = query[name];
  if (text === undefined && fallback !== undefined) return fallback;
  if (typeof text !== "string" || !/^\d{1,15}$/.test(text))
    throw invalidRequest(`${name}: must be a whole number`, name);
  return Number(text);
};

/** Receipts name customers' habits, so a feed is for its provider: shown by the key that it gave for an endpoint. */
function authorizeProvider(deps: AppDeps, providerId: number, authorization: string | undefined): void {
  const { catalog, adminToken } = deps;
  const keys = catalog.endpointsOfProvider(providerId).flatMap(({ apiKey }) => apiKey ?? []);
  if (keys.length === 0 && !carries(authorization, adminToken))
    throw new Refusal(
      403,
      "permission_denied",
      "this provider has no endpoint with an api_key, which is what opens its feed",
    );
  if (![adminToken, ...keys].some((key) => carries(authorization, key)))
    throw new Refusal(
      401,
      "authentication",
      "send the api_key of one of the provider's endpoints as the bearer",
      {
        headers: { "www-authenticate": "Bearer" },
      },
    );
}

/** A page that never ends within a millisecond, so that the next one, after its last, misses nothing. */
async function page(
  store: Store,
  offerIds: readonly number[],
  afterMs: number,
  limit: number,
): Promise<readonly StoredReceipt[]> {
  const receipts = await store.receiptsOfOffers(offerIds, afterMs, limit);
  if (receipts.length < limit) return receipts;
  const lastMs = receipts.at(-1)?.recordedAtMs;
  const whole = receipts.filter(({ recordedAtMs }) => recordedAtMs !== lastMs);
  return whole.length > 0 ? whole : page(store, offerIds, afterMs, limit * 2);
}

function feedRoute(deps: AppDeps): Route {
  const { catalog, store } = deps;
  return {
    method: "get",
    path: "/v1/provider/receipts",
    async handle({ req, res }) {
      const providerId = integer(req.query, "provider_id", undefined);
      const afterMs = integer(req.query, "after_ms", 0);
      const limit = Math.max(1, Math.min(MOST_RECEIPTS, integer(req.query, "limit", 100)));
      authorizeProvider(deps, providerId, req.headers.authorization);
      const offerIds = catalog.offersOfProvider(providerId).map((offer) => offer.offerId);
      const receipts = await page(store, offerIds, afterMs, limit);
      const data = receipts.map(storedReceiptJson);
      sendJson(res, 200, { object: "list", data, next_after_ms: receipts.at(-1)?.recordedAtMs ?? afterMs });
    },
  };
}

export function providerRoutes(deps: AppDeps): Route[] {
  return [endpointRoute(deps), feedRoute(deps)];
}
