import { Counter, Gauge, type Registry } from "prom-client";
import type { Clock } from "../ports.ts";

/** What is shown of settlement; structural, so that the adapter need not know the step. */
interface Settling {
  state(): {
    readonly lastSettledAtMs: number | undefined;
    readonly openBatches: number;
    readonly trouble: string | undefined;
  };
}

/** Takes in what settlement has come to. */
export interface SettledMoney {
  /** Rows are final on chain; what they cost, any app fee included. */
  settled(costWei: bigint): void;
  /** Accounts had less than a batch took from them. */
  short(shortfallWei: bigint): void;
}

const WEI_PER_TOKEN = 1e18;

/** Counts the money of settlements since this process began. */
export function settledMoney(registry: Registry): SettledMoney {
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [registry] });
  const settled = counter("ai1net_settled_tokens_total", "Cost of rows that became final on chain");
  const short = counter(
    "ai1net_shortfall_tokens_total",
    "Cost of settled rows that their accounts could not pay: claims on the operator's bond",
  );
  return {
    settled: (costWei) => settled.inc(Number(costWei) / WEI_PER_TOKEN),
    short: (shortfallWei) => short.inc(Number(shortfallWei) / WEI_PER_TOKEN),
  };
}

export function settlementMetrics(registry: Registry, settlement: Settling, clock: Clock): void {
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge("ai1net_open_batches", "Batches built and not final", () => settlement.state().openBatches);
  gauge("ai1net_settlement_failing", "1 while the last attempt to settle failed", () =>
    settlement.state().trouble === undefined ? 0 : 1,
  );
  gauge(
    "ai1net_seconds_since_settlement",
    "Since this process last saw a batch mined; NaN before the first",
    () => {
      const { lastSettledAtMs } = settlement.state();
      return lastSettledAtMs === undefined ? Number.NaN : (clock.nowMs() - lastSettledAtMs) / 1000;
    },
  );
}
