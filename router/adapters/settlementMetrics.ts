import { Gauge, type Registry } from "prom-client";
import type { Clock } from "../ports.ts";

/** What is shown of settlement; structural, so that the adapter need not know the step. */
interface Settling {
  state(): {
    readonly lastSettledAtMs: number | undefined;
    readonly openBatches: number;
    readonly trouble: string | undefined;
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
