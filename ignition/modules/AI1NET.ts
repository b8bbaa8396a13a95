/**
 * The same deployment as `npm run deploy`, as a Hardhat Ignition module: what was sent is kept in a journal, so that an
 * interrupted deployment goes on where it stopped.
 *
 *     npm run hardhat -- ignition deploy ignition/modules/AI1NET.ts --network NAME --parameters FILE
 *
 * Contracts are told the addresses of those that follow them, so these are parameters, too, and the deployer sends nothing
 * else meanwhile; a wrong one makes Disputes or Rewards refuse to be deployed. `parametersOf` writes them all.
 */
import { createRequire } from "node:module";
import type { Future, NamedArtifactContractDeploymentFuture } from "@nomicfoundation/ignition-core";
import { buildModule } from "@nomicfoundation/ignition-core";
import { constructorsOf, ORDER, type Decisions, type Deployed } from "../../scripts/deploy/constructors.ts";
import { foreseen } from "../../scripts/deploy/deploy.ts";
import type { TimelockOptions } from "../../scripts/deploy/timelock.ts";

const MODULE = "AI1NET";
/** In the bytecode that OpenZeppelin published. */
const timelockArtifact = createRequire(import.meta.url)(
  "@openzeppelin/contracts/build/contracts/TimelockController.json",
);
const NOBODY = "0x0000000000000000000000000000000000000000";

/** The parameters of the module, if `from` deploys with `nonce` as its next one. */
export function parametersOf(
  decisions: Omit<Decisions, "owner">,
  timelock: TimelockOptions,
  from: string,
  nonce: number,
) {
  // The timelock comes first.
  const at = foreseen(from, nonce + 1);
  const { delaySec, proposers, executors } = timelock;
  const later = { Escrow: at.Escrow, Ledger: at.Ledger, Disputes: at.Disputes, Rewards: at.Rewards };
  return {
    [MODULE]: {
      ...decisions,
      windows: { ...decisions.windows },
      delaySec,
      proposers: [...proposers],
      executors: [...executors],
      ...later,
    },
  };
}

export default buildModule(MODULE, (m) => {
  const timelock = m.contract("TimelockController", timelockArtifact, [
    m.getParameter("delaySec"),
    m.getParameter("proposers"),
    m.getParameter("executors"),
    NOBODY,
  ]);
  const decision = (name: string) => m.getParameter(name);
  const at = Object.fromEntries(ORDER.map((name) => [name, m.getParameter(name)])) as Record<
    Deployed,
    unknown
  >;
  const contracts: Partial<Record<Deployed, NamedArtifactContractDeploymentFuture<Deployed>>> = {};
  let previous: Future = timelock;
  for (const name of ORDER) {
    const known = { ...at, ...contracts };
    const args = constructorsOf(
      {
        holder: decision("holder"),
        owner: timelock,
        guardian: decision("guardian"),
        reporter: decision("reporter"),
        windows: decision("windows"),
        minOperatorBondWei: decision("minOperatorBondWei"),
        minProviderStakeWei: decision("minProviderStakeWei"),
        protocolFeeBps: decision("protocolFeeBps"),
        operatorShareBps: decision("operatorShareBps"),
        rebateShareBps: decision("rebateShareBps"),
        penaltyWei: decision("penaltyWei"),
      } as never,
      known,
    )[name];
    // One after the other: their addresses follow from their numbers.
    const deployed: NamedArtifactContractDeploymentFuture<Deployed> = m.contract(name, [...args] as never[], {
      after: [previous],
    });
    contracts[name] = deployed;
    previous = deployed;
  }
  return { timelock, ...(contracts as Record<Deployed, NamedArtifactContractDeploymentFuture<Deployed>>) };
});
