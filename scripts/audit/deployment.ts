import { getContract, type PublicClient } from "viem";
import type { Hex } from "../../router/model/bytes.ts";
import { disputesAbi, escrowAbi, ledgerAbi, registryAbi } from "./abi.ts";
import { AuditError } from "./auditError.ts";
import { isUnreachable } from "./rpc.ts";
import type { Rules } from "./state.ts";

/** A deployment, found from its Ledger alone. */
export interface Deployment {
  readonly chainId: number;
  readonly ledger: Hex;
  readonly escrow: Hex;
  readonly registry: Hex;
  readonly token: Hex;
  readonly disputes: Hex;
  readonly challenges: Hex;
  readonly rules: Rules;
}

/** @throws {AuditError} when there is no Ledger at this address and block */
export async function findDeployment(
  client: PublicClient,
  ledger: Hex,
  blockNumber: bigint,
): Promise<Deployment> {
  const chainId = await client.getChainId();
  const code = await client.getCode({ address: ledger, blockNumber });
  if (code === undefined)
    throw new AuditError(
      `There is no contract at ${ledger} on chain ${chainId} in block ${blockNumber}: check --ledger and --rpc.`,
    );
  try {
    const at = { blockNumber };
    const { read: ask } = getContract({ address: ledger, abi: ledgerAbi, client });
    const [registry, escrow, epochLength, operatorShareBps] = await Promise.all([
      ask.registry(at),
      ask.escrow(at),
      ask.epochLength(at),
      ask.operatorShareBps(at),
    ]);
    const { read: askEscrow } = getContract({ address: escrow, abi: escrowAbi, client });
    const [token, challengeSec, itsLedger, itsRegistry, disputes, graceSec, slasher] = await Promise.all([
      askEscrow.token(at),
      askEscrow.challengeWindow(at),
      askEscrow.ledger(at),
      askEscrow.registry(at),
      askEscrow.disputes(at),
      client.readContract({ address: registry, abi: registryAbi, functionName: "grace", blockNumber }),
      client.readContract({ address: registry, abi: registryAbi, functionName: "disputes", blockNumber }),
    ]);
    if (itsLedger.toLowerCase() !== ledger.toLowerCase() || itsRegistry !== registry)
      throw new AuditError(
        `The Escrow ${escrow} does not belong to the Ledger ${ledger}: this is no deployment.`,
      );
    if (disputes !== slasher)
      throw new AuditError(`The Escrow ${escrow} and the Registry ${registry} answer to different Disputes.`);
    const { read: askDisputes } = getContract({ address: disputes, abi: disputesAbi, client });
    const [penaltyWei, challenges] = await Promise.all([askDisputes.penalty(at), askDisputes.challenges(at)]);
    return {
      chainId,
      ledger,
      escrow,
      registry,
      token,
      disputes,
      challenges,
      rules: { graceSec, challengeSec, epochSec: Number(epochLength), operatorShareBps, penaltyWei },
    };
  } catch (error) {
    if (error instanceof AuditError || isUnreachable(error)) throw error;
    throw new AuditError(`The contract at ${ledger} is not an AI1NET Ledger: check --ledger.`, {
      cause: error,
    });
  }
}

/** The first block with code at `address`, up to `last`. Needs the state of past blocks. */
async function firstBlockOf(client: PublicClient, address: Hex, last: bigint): Promise<bigint> {
  let low = 0n;
  let high = last;
  while (low < high) {
    const middle = (low + high) / 2n;
    const code = await client.getCode({ address, blockNumber: middle });
    if (code === undefined) low = middle + 1n;
    else high = middle;
  }
  return low;
}

/** The block that the deployment begins in; 0 where the node has forgotten the state of past blocks. */
export async function firstBlock(
  client: PublicClient,
  deployment: Deployment,
  last: bigint,
): Promise<number> {
  const { ledger, escrow, registry } = deployment;
  try {
    const blocks = await Promise.all(
      [ledger, escrow, registry].map(async (address) => firstBlockOf(client, address, last)),
    );
    return Math.min(...blocks.map(Number));
  } catch (error) {
    if (isUnreachable(error)) throw error;
    return 0;
  }
}
