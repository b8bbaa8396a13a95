/** Leaving: straight to the contracts, so that it works with the router gone. */
import type { Account, Chain, Hex, PublicClient, Transport, WalletClient } from "viem";
import { escrowAbi } from "./abi.ts";
import type { Network } from "./network.ts";

type Wallet = WalletClient<Transport, Chain, Account>;

export interface ExitState {
  readonly balanceWei: bigint;
  /** What was announced. */
  readonly amountWei: bigint;
  /** Unix s; undefined when nothing was announced. */
  readonly readyAtSec: number | undefined;
  /** Seconds from an announcement to the withdrawal. */
  readonly noticeSec: number;
}

const escrowOf = ({ contracts }: Network) => ({ address: contracts.escrow, abi: escrowAbi }) as const;

/** How far an account's exit is. */
export async function exitOf(client: PublicClient, network: Network, accountId: number): Promise<ExitState> {
  const escrow = escrowOf(network);
  const [{ balance }, exit, noticeSec] = await Promise.all([
    client.readContract({ ...escrow, functionName: "account", args: [accountId] }),
    client.readContract({ ...escrow, functionName: "exitOf", args: [accountId] }),
    client.readContract({ ...escrow, functionName: "exitNotice" }),
  ]);
  const readyAtSec = exit.readyAt === 0 ? undefined : exit.readyAt;
  return { balanceWei: balance, amountWei: exit.amount, readyAtSec, noticeSec };
}

/** Announces a withdrawal; it replaces an earlier one, and starts the notice anew. Only the owner. */
export function requestExit(
  wallet: Wallet,
  network: Network,
  accountId: number,
  amountWei: bigint,
): Promise<Hex> {
  return wallet.writeContract({
    ...escrowOf(network),
    functionName: "requestExit",
    args: [accountId, amountWei],
  });
}

/** Takes an announcement back. */
export function cancelExit(wallet: Wallet, network: Network, accountId: number): Promise<Hex> {
  return wallet.writeContract({ ...escrowOf(network), functionName: "cancelExit", args: [accountId] });
}

/** Pays out what was announced, once the notice has passed. */
export function withdraw(
  wallet: Wallet,
  network: Network,
  accountId: number,
  to: Hex = wallet.account.address,
): Promise<Hex> {
  return wallet.writeContract({ ...escrowOf(network), functionName: "withdraw", args: [accountId, to] });
}
