import type { PublicClient } from "viem";
import { disputesAbi, escrowAbi, ledgerAbi, registryAbi, tokenAbi } from "./abi.ts";
import type { ChainState } from "./chainState.ts";
import type { Deployment } from "./deployment.ts";
import { EARNERS } from "./state.ts";

/** Bytes of calldata in one aggregated call: they go into init code, which is bounded by 48 KiB. */
const CALL_BYTES = 4_096;

/** The views of a deployment at one block. Many reads go into one `eth_call`, which needs no contract deployed for it. */
export function viemChainState(
  client: PublicClient,
  deployment: Deployment,
  blockNumber: bigint,
): ChainState {
  const ledger = { address: deployment.ledger, abi: ledgerAbi } as const;
  const escrow = { address: deployment.escrow, abi: escrowAbi } as const;
  const disputes = { address: deployment.disputes, abi: disputesAbi } as const;
  const registry = { address: deployment.registry, abi: registryAbi } as const;

  const many = { blockNumber, allowFailure: false, deployless: true, batchSize: CALL_BYTES } as const;

  return {
    async counts() {
      const [operators, providers, , listings, offers, apps] = await client.readContract({
        ...registry,
        functionName: "counts",
        blockNumber,
      });
      return { operators, providers, listings, offers, apps };
    },
    async offers(ids) {
      return client.multicall({
        ...many,
        contracts: ids.map((id) => ({ ...registry, functionName: "offer", args: [id] }) as const),
      });
    },
    async appFeesBps(ids) {
      const apps = await client.multicall({
        ...many,
        contracts: ids.map((id) => ({ ...registry, functionName: "app", args: [id] }) as const),
      });
      return apps.map(({ feeBps }) => feeBps);
    },
    async accountCount() {
      return client.readContract({ ...escrow, functionName: "accountCount", blockNumber });
    },
    async accounts(ids) {
      return client.multicall({
        ...many,
        contracts: ids.map((id) => ({ ...escrow, functionName: "account", args: [id] }) as const),
      });
    },
    async exits(ids) {
      return client.multicall({
        ...many,
        contracts: ids.map((id) => ({ ...escrow, functionName: "exitOf", args: [id] }) as const),
      });
    },
    async earnings(earners) {
      return client.multicall({
        ...many,
        contracts: earners.map(
          ([earner, id]) =>
            ({ ...escrow, functionName: "earnings", args: [EARNERS.indexOf(earner), id] }) as const,
        ),
      });
    },
    async stakes(holders) {
      const found = await client.multicall({
        ...many,
        contracts: holders.map(([kind, id]) => ({ ...registry, functionName: kind, args: [id] }) as const),
      });
      return found.map(({ stake }) => stake);
    },
    async openClaims(operatorIds) {
      return client.multicall({
        ...many,
        contracts: operatorIds.map(
          (id) => ({ ...disputes, functionName: "openClaimsByKind", args: [id] }) as const,
        ),
      });
    },
    async claims(keys) {
      return client.multicall({
        ...many,
        contracts: keys.map((key) => ({ ...disputes, functionName: "claimOf", args: key }) as const),
      });
    },
    async frozenWei(providerIds) {
      return client.multicall({
        ...many,
        contracts: providerIds.map((id) => ({ ...escrow, functionName: "frozenOf", args: [id] }) as const),
      });
    },
    async appFeesWei(keys) {
      return client.multicall({
        ...many,
        contracts: keys.map(
          ([epoch, ...ids]) =>
            ({ ...ledger, functionName: "appFees", args: [BigInt(epoch), ...ids] }) as const,
        ),
      });
    },
    async pools(keys) {
      return client.multicall({
        ...many,
        contracts: keys.map(
          ([operatorId, epoch]) =>
            ({ ...escrow, functionName: "pool", args: [operatorId, BigInt(epoch)] }) as const,
        ),
      });
    },
    async metrics(keys) {
      return client.multicall({
        ...many,
        contracts: keys.map(
          ([epoch, ...ids]) =>
            ({ ...ledger, functionName: "metrics", args: [BigInt(epoch), ...ids] }) as const,
        ),
      });
    },
    async nextBatchNos(operatorIds) {
      return client.multicall({
        ...many,
        contracts: operatorIds.map((id) => ({ ...ledger, functionName: "nextBatchNo", args: [id] }) as const),
      });
    },
    async commitments(keys) {
      return client.multicall({
        ...many,
        contracts: keys.map((key) => ({ ...ledger, functionName: "commitmentOf", args: key }) as const),
      });
    },
    async protocolFeesBps(servedAtSecs) {
      return client.multicall({
        ...many,
        contracts: servedAtSecs.map(
          (at) => ({ ...ledger, functionName: "protocolFeeBps", args: [at] }) as const,
        ),
      });
    },
    async pausedUntilSec() {
      const functionName = "pausedUntil";
      const [ofEscrow, ofLedger] = await Promise.all([
        client.readContract({ ...escrow, functionName, blockNumber }),
        client.readContract({ ...ledger, functionName, blockNumber }),
      ]);
      return { escrow: ofEscrow, ledger: ofLedger };
    },
    async owedWei() {
      return client.readContract({ ...escrow, functionName: "owed", blockNumber });
    },
    async escrowBalanceWei() {
      return client.readContract({
        address: deployment.token,
        abi: tokenAbi,
        functionName: "balanceOf",
        args: [deployment.escrow],
        blockNumber,
      });
    },
  };
}
