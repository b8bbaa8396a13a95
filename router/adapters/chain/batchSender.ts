import {
  BaseError,
  ContractFunctionRevertedError,
  encodeFunctionData,
  keccak256,
  TransactionReceiptNotFoundError,
  type Hex,
  type TransactionReceipt,
} from "viem";
import type { PrivateKeyAccount } from "viem/accounts";

import { NEEDS_TOO_MUCH_GAS, type Logger, type SettleResult } from "../../ports.ts";
import { ledgerAbi, settleAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";
import { isNodeTrouble } from "./nodeTrouble.ts";
import type { Turns } from "./turns.ts";

export interface BatchSenderOptions {
  readonly client: Client;
  readonly contracts: Contracts;
  readonly operatorId: number;
  readonly chainId: number;
  readonly settler: PrivateKeyAccount;
  /** Shared with everybody who sends with this key. */
  readonly turns: Turns;
  readonly log: Logger;
  /** How long one `settle` waits for its transaction. */
  readonly timeoutMs: number;
  /** After this long without being mined, a transaction is replaced by a dearer one. */
  readonly bumpAfterMs: number;
  readonly receiptPollMs: number;
  /** No fee per gas above this, however long it takes. */
  readonly maxFeePerGasWei: bigint;
}

/** EIP-7825: no transaction may have more. */
const MAX_GAS = 16_777_216n;
const GAS_MARGIN_PCT = 110n;
const BUMP_PCT = 130n;
/** Nodes take no replacement that pays less than a tenth more. */
const LEAST_BUMP_PCT = 110n;
const MAX_BUMPS_AT_ONCE = 12;
/** So often at least is a transaction that waits sent once more as it is. */
const LONGEST_REPEAT_MS = 5_000;

const NO_FUNDS = ["insufficient funds", "exceeds balance"];
const NO_COIN = "the settler lacks the coin for gas";

interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** A batch whose transaction, or one of whose transactions, may still be mined. */
interface Sent {
  readonly batch: Hex;
  readonly nonce: number;
  readonly gas: bigint;
  readonly hashes: Hex[];
  fees: Fees;
  /** When the last one was made, ms. */
  sentAtMs: number;
  /** The last transaction that was sent. */
  serialized: Hex | undefined;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Words of a node's refusal, in which nodes differ. */
function says(error: unknown, ...words: string[]): boolean {
  const text = (
    error instanceof BaseError ? `${error.details} ${error.message}` : String(error)
  ).toLowerCase();
  return words.some((word) => text.includes(word));
}

function bump(before: bigint, now: bigint): bigint {
  const bumped = (before * BUMP_PCT) / 100n + 1n;
  return bumped > now ? bumped : now;
}

/** The name and arguments of the contract error in `error`; undefined when it is no revert. */
function revertReason(error: unknown): string | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const revert = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  if (!(revert instanceof ContractFunctionRevertedError)) return undefined;
  if (!revert.data) return revert.signature ?? revert.reason ?? "reverted";
  return `${revert.data.errorName}(${(revert.data.args ?? []).map(String).join(", ")})`;
}

/**
 * Sends batches, one at a time, each under one nonce: transactions of one batch replace each other, and the nonce of a
 * batch is not given to another before it was used. Never throws: an RPC that does not answer is an unknown result.
 */
export class BatchSender {
  readonly #options: BatchSenderOptions;
  #sent: Sent | undefined;

  constructor(options: BatchSenderOptions) {
    this.#options = options;
  }

  settle(batch: Hex): Promise<SettleResult> {
    return this.#options.turns.run(() => this.#settle(batch));
  }

  async #settle(batch: Hex): Promise<SettleResult> {
    try {
      if (this.#sent?.batch !== batch) {
        const refused = await this.#begin(batch);
        if (refused) return refused;
      } else if (this.#sent.serialized) {
        // The endpoint that had it may be gone, or have forgotten it; a transaction that was mined is refused.
        await this.#broadcast(this.#sent.serialized).catch(() => undefined);
      }
      return await this.#wait(this.#sent as Sent);
    } catch (err) {
      this.#options.log.warn({ err }, "chain: no answer while settling");
      return { status: "unknown", txHash: this.#sent?.hashes.at(-1) };
    }
  }

  /** Simulates, then sends the first transaction. */
  async #begin(batch: Hex): Promise<SettleResult | undefined> {
    const { client, contracts, operatorId, settler } = this.#options;
    const { address } = settler;
    const [mined, pending] = await Promise.all([
      client.getTransactionCount({ address, blockTag: "latest" }),
      client.getTransactionCount({ address, blockTag: "pending" }),
    ]);
    let gas: bigint;
    try {
      // A transaction of ours that is still waiting would be part of the pending block, and make these bytes look settled.
      gas = await client.estimateContractGas({
        address: contracts.ledger,
        abi: settleAbi,
        functionName: "settle",
        args: [operatorId, batch],
        account: address,
        blockTag: pending > mined ? "latest" : "pending",
      });
    } catch (error) {
      const reason = revertReason(error);
      if (reason !== undefined) return { status: "refused", reason };
      if (says(error, "out of gas", "gas required exceeds", "gas limit")) {
        return { status: "refused", reason: NEEDS_TOO_MUCH_GAS };
      }
      if (says(error, ...NO_FUNDS)) return { status: "refused", reason: NO_COIN };
      throw error;
    }
    const withMargin = (gas * GAS_MARGIN_PCT) / 100n;
    // In the place of whatever still waits under this nonce.
    this.#sent = {
      batch,
      nonce: mined,
      gas: withMargin < MAX_GAS ? withMargin : MAX_GAS,
      hashes: [],
      fees: await this.#marketFees(),
      sentAtMs: Date.now(),
      serialized: undefined,
    };
    try {
      await this.#send(this.#sent);
    } catch (error) {
      if (!says(error, ...NO_FUNDS)) throw error;
      this.#sent = undefined;
      return { status: "refused", reason: NO_COIN };
    }
    return undefined;
  }

  async #marketFees(): Promise<Fees> {
    const { client, maxFeePerGasWei } = this.#options;
    const [block, tip] = await Promise.all([
      client.getBlock({ blockTag: "latest" }),
      client.estimateMaxPriorityFeePerGas(),
    ]);
    const fee = 2n * (block.baseFeePerGas ?? 0n) + tip;
    const maxFeePerGas = fee < maxFeePerGasWei ? fee : maxFeePerGasWei;
    return { maxFeePerGas, maxPriorityFeePerGas: tip < maxFeePerGas ? tip : maxFeePerGas };
  }

  /**
   * Dearer than before, and what the market asks if the limit allows that; undefined when the limit is below what nodes
   * take as a replacement.
   */
  async #dearer(fees: Fees): Promise<Fees | undefined> {
    const { maxFeePerGasWei } = this.#options;
    const market = await this.#marketFees();
    const wanted = bump(fees.maxFeePerGas, market.maxFeePerGas);
    const maxFeePerGas = wanted < maxFeePerGasWei ? wanted : maxFeePerGasWei;
    if (maxFeePerGas * 100n < fees.maxFeePerGas * LEAST_BUMP_PCT) return undefined;
    const tip = bump(fees.maxPriorityFeePerGas, market.maxPriorityFeePerGas);
    return { maxFeePerGas, maxPriorityFeePerGas: tip < maxFeePerGas ? tip : maxFeePerGas };
  }

  async #send(sent: Sent): Promise<void> {
    const { contracts, operatorId, chainId, settler, log } = this.#options;
    for (let bumps = 0; ; bumps++) {
      const serialized = await settler.signTransaction({
        type: "eip1559",
        chainId,
        nonce: sent.nonce,
        to: contracts.ledger,
        data: encodeFunctionData({ abi: ledgerAbi, functionName: "settle", args: [operatorId, sent.batch] }),
        gas: sent.gas,
        ...sent.fees,
      });
      const hash = keccak256(serialized);
      // Known before it is sent: an answer that gets lost loses nothing.
      sent.hashes.push(hash);
      sent.sentAtMs = Date.now();
      const former = sent.serialized;
      sent.serialized = serialized;
      try {
        await this.#broadcast(serialized);
        log.info({ txHash: hash, nonce: sent.nonce, ...sent.fees }, "chain: sent a batch");
        return;
      } catch (error) {
        // No answer: it may be under way.
        if (isNodeTrouble(error)) throw error;
        // The nonce is taken, perhaps by this very transaction, sent before by a call whose answer was lost.
        if (says(error, "nonce too low")) return;
        sent.hashes.pop();
        sent.serialized = former;
        const dearer = says(error, "underpriced", "replacement") ? await this.#dearer(sent.fees) : undefined;
        if (!dearer || bumps >= MAX_BUMPS_AT_ONCE) {
          // The node did answer, so nothing is under way unless an earlier transaction is.
          if (sent.hashes.length === 0) this.#sent = undefined;
          throw error;
        }
        sent.fees = dearer;
      }
    }
  }

  async #broadcast(serializedTransaction: Hex): Promise<void> {
    try {
      await this.#options.client.sendRawTransaction({ serializedTransaction });
    } catch (error) {
      if (!says(error, "already known", "already imported")) throw error;
    }
  }

  /** In place of a transaction that is not mined, a dearer one; at the limit the same once more: it may have been dropped. */
  async #resend(sent: Sent): Promise<void> {
    const dearer = await this.#dearer(sent.fees);
    if (dearer) {
      sent.fees = dearer;
      await this.#send(sent);
      return;
    }
    sent.sentAtMs = Date.now();
    this.#options.log.warn({ ...sent.fees }, "chain: a batch is not mined, and its fee is at the limit");
    if (sent.serialized) await this.#broadcast(sent.serialized);
  }

  async #wait(sent: Sent): Promise<SettleResult> {
    const { timeoutMs, bumpAfterMs, receiptPollMs, log } = this.#options;
    const deadlineMs = Date.now() + timeoutMs;
    let repeatAtMs = Date.now() + this.#repeatMs;
    for (;;) {
      try {
        const ended = await this.#ended(sent);
        if (ended) {
          this.#sent = undefined;
          return ended;
        }
        if (Date.now() >= sent.sentAtMs + bumpAfterMs) {
          await this.#resend(sent);
        } else if (sent.serialized && Date.now() >= repeatAtMs) {
          // Dropped, or known only to an endpoint that has gone? Whoever has it says so.
          repeatAtMs = Date.now() + this.#repeatMs;
          await this.#broadcast(sent.serialized);
        }
      } catch (err) {
        log.debug({ err }, "chain: no answer while waiting for a batch");
      }
      if (Date.now() >= deadlineMs) return { status: "unknown", txHash: sent.hashes.at(-1) };
      await pause(receiptPollMs);
    }
  }

  get #repeatMs(): number {
    return Math.min(LONGEST_REPEAT_MS, this.#options.bumpAfterMs / 3);
  }

  /** What became of the transactions; undefined while one may still be mined. */
  async #ended(sent: Sent): Promise<SettleResult | undefined> {
    const { client, settler } = this.#options;
    const mined = await client.getTransactionCount({ address: settler.address, blockTag: "latest" });
    for (const hash of sent.hashes.toReversed()) {
      const receipt = await this.#receipt(hash);
      if (receipt?.status === "success") {
        return { status: "mined", txHash: hash, blockNumber: receipt.blockNumber };
      }
      if (receipt) return { status: "refused", reason: await this.#whyReverted(sent.batch) };
    }
    // Another transaction took the nonce: the caller asks the Ledger whether it was an earlier process's with these bytes.
    return mined > sent.nonce ? { status: "unknown", txHash: undefined } : undefined;
  }

  async #receipt(hash: Hex): Promise<TransactionReceipt | undefined> {
    try {
      return await this.#options.client.getTransactionReceipt({ hash });
    } catch (error) {
      if (error instanceof TransactionReceiptNotFoundError) return undefined;
      throw error;
    }
  }

  async #whyReverted(batch: Hex): Promise<string> {
    const { client, contracts, operatorId, settler } = this.#options;
    try {
      await client.simulateContract({
        address: contracts.ledger,
        abi: settleAbi,
        functionName: "settle",
        args: [operatorId, batch],
        account: settler.address,
      });
      return "reverted when it was mined, and would not now";
    } catch (error) {
      return revertReason(error) ?? "reverted";
    }
  }
}
