import type { Account, Chain, Hex, PublicClient, Transport, WalletClient } from "viem";
import { challengesAbi, disputesAbi, tokenAbi } from "./abi.ts";
import type { Evidence } from "./evidence.ts";
import type { Network } from "./network.ts";
import { rowProof, type InclusionJson } from "./verifyInclusion.ts";

type Wallet = WalletClient<Transport, Chain, Account>;

/**
 * Brings a kept receipt before the contracts, with the proof of the row that was settled for it. If they differ, the
 * operator's bond refunds the payer and pays the challenger; if not, the transaction reverts.
 * @returns the transaction's hash
 */
export function challengeRow(
  wallet: Wallet,
  network: Network,
  { receipt, signature }: Pick<Evidence, "receipt" | "signature">,
  inclusion: InclusionJson,
): Promise<Hex> {
  return wallet.writeContract({
    address: network.contracts.disputes,
    abi: disputesAbi,
    functionName: "challengeRow",
    args: [receipt, signature, rowProof(inclusion)],
  });
}

/**
 * Asks the operator to show what a strict account's signer authorized for a row: for rows that you know of no payment for.
 * Lets Challenges take the deposit first, if it may not yet. The deposit is lost if the authorization is shown in time; if
 * not, {@link resolveChallenge} refunds the account, penalizes the operator and gives it back.
 * @returns the challenge's transaction hash
 */
export async function challengeAuthorization(
  client: PublicClient,
  wallet: Wallet,
  network: Network,
  inclusion: InclusionJson,
): Promise<Hex> {
  const { challenges, token } = network.contracts;
  const owner = wallet.account.address;
  const [depositWei, allowanceWei] = await Promise.all([
    client.readContract({ address: challenges, abi: challengesAbi, functionName: "deposit" }),
    client.readContract({
      address: token,
      abi: tokenAbi,
      functionName: "allowance",
      args: [owner, challenges],
    }),
  ]);
  if (allowanceWei < depositWei) {
    const hash = await wallet.writeContract({
      address: token,
      abi: tokenAbi,
      functionName: "approve",
      args: [challenges, depositWei],
    });
    await client.waitForTransactionReceipt({ hash });
  }
  return wallet.writeContract({
    address: challenges,
    abi: challengesAbi,
    functionName: "challengeAuthorization",
    args: [rowProof(inclusion)],
  });
}

/** Where a challenge of a row stands; `answerBySec` is Unix s. */
export async function challengeOf(
  client: PublicClient,
  network: Network,
  accountId: number,
  seq: number,
): Promise<{ readonly state: "none" | "open" | "answered" | "refunded"; readonly answerBySec: number }> {
  const { state, answerBy } = await client.readContract({
    address: network.contracts.challenges,
    abi: challengesAbi,
    functionName: "challenge",
    args: [accountId, seq],
  });
  return { state: STATES[state] ?? "none", answerBySec: answerBy };
}

/** `IChallenges.ChallengeState` */
const STATES = ["none", "open", "answered", "refunded"] as const;

/** Ends a challenge that nobody answered in time. Anyone may. @returns the transaction's hash */
export function resolveChallenge(
  wallet: Wallet,
  network: Network,
  accountId: number,
  seq: number,
): Promise<Hex> {
  return wallet.writeContract({
    address: network.contracts.challenges,
    abi: challengesAbi,
    functionName: "resolve",
    args: [accountId, seq],
  });
}
