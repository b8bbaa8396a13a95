import type { Windows } from "./windows.ts";

/** The contracts in the order of their deployment; some are told the addresses of those that follow. */
export const ORDER = ["AI1NET", "Registry", "Escrow", "Ledger", "Disputes", "Reviews", "Rewards"] as const;
export type Deployed = (typeof ORDER)[number];

/** What a deployment decides for ever, but for what `owner` may change within its ranges. */
export interface Decisions<Text = string> {
  /** Receives the whole supply of the token. */
  readonly holder: Text;
  /** May change parameters within their ranges: a TimelockController where money matters. */
  readonly owner: Text;
  /** May pause deposits and settlement for a bounded time; the zero address: nobody. */
  readonly guardian: Text;
  /** Says what is typical of a model, and how accurate a listing; the zero address: nobody. */
  readonly reporter: Text;
  readonly windows: Windows;
  readonly minOperatorBondWei: bigint;
  readonly minProviderStakeWei: bigint;
  readonly protocolFeeBps: number;
  /** The operator's share of the protocol fee. */
  readonly operatorShareBps: number;
  /** The payers' share of it, as credits. */
  readonly rebateShareBps: number;
  /** Taken from an operator's bond for each sequence number that evidence is brought for. */
  readonly penaltyWei: bigint;
}

/** Each contract's constructor arguments, with the others `at` their addresses, known or foreseen. */
export function constructorsOf<At, Text>(
  decisions: Decisions<Text>,
  at: Readonly<Record<Deployed, At>>,
): Readonly<Record<Deployed, readonly (At | Text | Windows | bigint | number)[]>> {
  const { holder, owner, guardian, reporter, windows } = decisions;
  const { minOperatorBondWei, minProviderStakeWei, penaltyWei } = decisions;
  const { protocolFeeBps, operatorShareBps, rebateShareBps } = decisions;
  return {
    AI1NET: [holder],
    Registry: [at.AI1NET, windows, minOperatorBondWei, minProviderStakeWei, owner, at.Disputes],
    Escrow: [at.AI1NET, at.Registry, at.Ledger, windows, guardian, at.Disputes, at.Rewards],
    Ledger: [
      at.Registry,
      at.Escrow,
      windows,
      protocolFeeBps,
      operatorShareBps,
      rebateShareBps,
      owner,
      guardian,
    ],
    Disputes: [at.Registry, at.Escrow, at.Ledger, windows, penaltyWei],
    Reviews: [at.Ledger],
    Rewards: [at.Ledger, at.Reviews, owner, reporter],
  };
}
