import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { AccountBook } from "../model/account.ts";
import type { Metrics } from "../ports.ts";

const WEI_PER_TOKEN = 1e18;
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** `find`, asked once per key. */
function remember<Key, Value>(find: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    let value = known.get(key);
    if (value === undefined) known.set(key, (value = find(key)));
    return value;
  };
}

/** The router's figures in a registry: numbers and names of routes and faults, nothing of what anybody said. */
export function createMetrics(registry: Registry, accounts: AccountBook): Metrics {
  const registers = [registry];
  const requests = new Counter({
    name: "ai1net_requests_total",
    help: "Requests by route and status",
    labelNames: ["route", "status"],
    registers,
  });
  const requestSeconds = new Histogram({
    name: "ai1net_request_seconds",
    help: "Whole duration of requests",
    labelNames: ["route"],
    buckets: SECONDS,
    registers,
  });
  const stageSeconds = new Histogram({
    name: "ai1net_stage_seconds",
    help: "Duration of a request's stages; commit is the journal's",
    labelNames: ["stage"],
    buckets: SECONDS,
    registers,
  });
  const attempts = new Counter({
    name: "ai1net_attempts_total",
    help: "Tries at providers by how they ended",
    labelNames: ["result"],
    registers,
  });
  const overreported = new Counter({
    name: "ai1net_overreported_units_total",
    help: "Units that providers reported beyond what was held; not billed",
    labelNames: ["listing"],
    registers,
  });
  const comparedUnits = new Counter({
    name: "ai1net_compared_units_total",
    help: "Prompts and answers that were counted again, as the provider reported them and as counted here",
    labelNames: ["listing", "side", "by"],
    registers,
  });
  const drifts = new Counter({
    name: "ai1net_usage_drifts_total",
    help: "Reported usage that is further from the router's count than tokenizers differ",
    labelNames: ["listing", "side"],
    registers,
  });
  const overexposed = new Counter({
    name: "ai1net_overexposed_total",
    help: "Requests refused until more has settled, by the limit that was reached",
    labelNames: ["limit"],
    registers,
  });
  const rows = new Counter({ name: "ai1net_journaled_rows_total", help: "Rows made durable", registers });
  const journaledTokens = new Counter({
    name: "ai1net_journaled_tokens_total",
    help: "What they cost, any app fee included",
    registers,
  });
  const tokens = (name: string, help: string, weiOf: (accountId: number) => bigint): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const wei = accounts.accountIds().reduce((sum, accountId) => sum + weiOf(accountId), 0n);
        this.set(Number(wei) / WEI_PER_TOKEN);
      },
    });
  tokens("ai1net_held_tokens", "Held by requests in flight", (id) => accounts.heldWei(id));
  tokens("ai1net_unsettled_tokens", "Served and not settled yet", (id) => accounts.unsettledWei(id));

  // A series is looked up by its labels once, not five times per request.
  const requestsOf = remember((route: string) =>
    remember((status: number) => requests.labels({ route, status })),
  );
  const requestSecondsOf = remember((route: string) => requestSeconds.labels({ route }));
  const stageSecondsOf = remember((stage: string) => stageSeconds.labels({ stage }));
  const attemptsOf = remember((result: string) => attempts.labels({ result }));
  return {
    request(route, status, seconds) {
      requestsOf(route)(status).inc();
      requestSecondsOf(route).observe(seconds);
    },
    stage(stage, seconds) {
      stageSecondsOf(stage).observe(seconds);
    },
    attempt(result) {
      attemptsOf(result).inc();
    },
    journaled(count, costWei) {
      rows.inc(count);
      journaledTokens.inc(Number(costWei) / WEI_PER_TOKEN);
    },
    overexposed(limit) {
      overexposed.inc({ limit });
    },
    overreported(listingId, units) {
      overreported.inc({ listing: listingId }, units);
    },
    compared(listingId, side, reportedUnits, countedUnits, isDrift) {
      comparedUnits.inc({ listing: listingId, side, by: "provider" }, reportedUnits);
      comparedUnits.inc({ listing: listingId, side, by: "router" }, countedUnits);
      if (isDrift) drifts.inc({ listing: listingId, side });
    },
  };
}
