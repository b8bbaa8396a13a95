import { Gauge, type Registry } from "prom-client";

const WEI_PER_TOKEN = 1e18;

/** What is shown of exposure; structural, so that the adapter need not know the steps. */
interface Exposed {
  readonly exposure: { bondWei(): bigint; oldestSec(): number; closed(): string | undefined };
  readonly accounts: { exposedWei(): bigint };
  readonly silentMs: () => number;
  readonly rpc: () => readonly {
    readonly host: string;
    readonly state: string;
    readonly isCurrent: boolean;
  }[];
}

export function exposureMetrics(registry: Registry, { exposure, accounts, silentMs, rpc }: Exposed): void {
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge(
    "ai1net_free_bond_tokens",
    "What the operator has at stake: nothing more may be unsettled",
    () => Number(exposure.bondWei()) / WEI_PER_TOKEN,
  );
  gauge(
    "ai1net_exposed_tokens",
    "Held by requests in flight, or served and not settled",
    () => Number(accounts.exposedWei()) / WEI_PER_TOKEN,
  );
  gauge("ai1net_oldest_unsettled_seconds", "Age of the oldest row that waits", () => exposure.oldestSec());
  gauge("ai1net_overexposed", "1 while nobody is served until more has settled", () =>
    exposure.closed() === undefined ? 0 : 1,
  );
  gauge("ai1net_chain_silence_seconds", "Since the chain was last heard of", () => silentMs() / 1000);
  const endpoints = new Gauge({
    name: "ai1net_rpc_endpoint",
    help: "RPC endpoints by state; 1 for the one that is asked, 0 for the others",
    labelNames: ["host", "state"],
    registers: [],
    collect() {
      this.reset();
      for (const { host, state, isCurrent } of rpc()) this.set({ host, state }, isCurrent ? 1 : 0);
    },
  });
  registry.registerMetric(endpoints);
}
