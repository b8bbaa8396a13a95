import { Counter, Gauge, type Registry } from "prom-client";

/** What is shown of challenges; structural, so that the adapter need not know the step. */
interface Challenged {
  open(): number;
}

/** Shows how many are open. @returns counts how they went since this process began */
export function challengeMetrics(registry: Registry, challenged: () => Challenged): (end: string) => void {
  const ended = new Counter({
    name: "ai1net_challenges_total",
    help: "Challenged authorizations: answered; missing or refused, unless somebody else answers; late: the operator pays",
    labelNames: ["result"],
    registers: [registry],
  });
  for (const result of ["answered", "missing", "refused", "late"]) ended.inc({ result }, 0);
  const open: Gauge = new Gauge({
    name: "ai1net_open_challenges",
    help: "Challenged authorizations that nobody has shown yet",
    registers: [registry],
    collect: () => open.set(challenged().open()),
  });
  return (result) => ended.inc({ result });
}
