import type { DecodeEventLogReturnType } from "viem";
import type { challengesAbi, disputesAbi, escrowAbi, ledgerAbi, registryAbi } from "./abi.ts";
import type { Hex } from "../../router/model/bytes.ts";

/** Where and when something happened. */
export interface Place {
  readonly blockNumber: number;
  readonly logIndex: number;
  readonly txHash: Hex;
  /** Of the block. */
  readonly timestampSec: number;
}

/** A call of `Ledger.settle` as its transaction has it. */
export interface SettleCall {
  readonly caller: Hex;
  readonly operatorId: number;
  readonly batch: Uint8Array;
}

type RegistryEvent = DecodeEventLogReturnType<typeof registryAbi>;
type EscrowEvent = DecodeEventLogReturnType<typeof escrowAbi>;
type LedgerEvent = DecodeEventLogReturnType<typeof ledgerAbi>;
type DisputesEvent = DecodeEventLogReturnType<typeof disputesAbi>;
type ChallengesEvent = DecodeEventLogReturnType<typeof challengesAbi>;

export type ContractEvent = RegistryEvent | EscrowEvent | LedgerEvent | DisputesEvent | ChallengesEvent;
type BatchSettled = Extract<LedgerEvent, { eventName: "BatchSettled" }>;

/** The contracts that a guardian can pause. */
export type Pausable = "escrow" | "ledger";
type OfPause = Extract<ContractEvent, { eventName: "Paused" | "PauseEnded" }>;
export type PauseEvent = OfPause & { readonly contract: Pausable };

/** A log that no contract of this version emits. */
export interface UnknownEvent {
  readonly eventName: "Unknown";
  readonly contract: Hex;
  readonly topic: Hex;
}

/** A batch with what its transaction asked for, or why that could not be read. */
export type SettledEvent = BatchSettled & {
  readonly at: Place;
  readonly call: SettleCall | { readonly unreadable: string };
};

/** Everything that a replay is made of, in the order of the chain. */
export type AuditEvent =
  | SettledEvent
  | ((
      Exclude<ContractEvent, { eventName: "BatchSettled" | OfPause["eventName"] }> | PauseEvent | UnknownEvent
    ) & { readonly at: Place });
