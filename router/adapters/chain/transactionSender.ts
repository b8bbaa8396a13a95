import {
  BaseError,
  ContractFunctionRevertedError,
  encodeFunctionData,
  keccak256,
  TransactionReceiptNotFoundError,
  type Abi,
  type Hex,
  type TransactionReceipt,
} from "viem";
import type { PrivateKeyAccount } from "viem/accounts";

import { NEEDS_TOO_MUCH_GAS, type Logger, type SentResult } from "../../ports.ts";
import type { Client } from "./contracts.ts";
import { isNodeTrouble } from "./nodeTrouble.ts";
import type { Turns } from "./turns.ts";

/** What to send, and with which errors it may come back. */
export interface ContractCall {
  /** For the log. */
  readonly what: string;
  readonly address: Hex;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args: readonly unknown[];
}

export interface TransactionSenderOptions {
  readonly client: Client;
  readonly chainId: number;
  readonly settler: PrivateKeyAccount;
  /** Shared with everybody who sends with this key. */
  readonly turns: Turns;
  readonly log: Logger;
  /** How long one `send` waits for its transaction. */
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
/** So often in a row must the chain lack a transaction before ours, or it is only a node that lags. */
const MISSING_LOOKS = 5;
/** So often at least is a transaction that waits sent once more as it is. */
const LONGEST_REPEAT_MS = 5_000;

const NO_FUNDS = ["insufficient funds", "exceeds balance"];
const NO_COIN = "the settler lacks the coin for gas";

interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** A call whose transaction, or one of whose transactions, may still be mined. */
interface Sent {
  readonly call: ContractCall;
  readonly data: Hex;
  readonly nonce: number;
  readonly gas: bigint;
  readonly hashes: Hex[];
  fees: Fees;
  /** When the last one was made, ms. */
  sentAtMs: number;
  /** Looks in a row that found the settler's earlier transactions gone. */
  missingLooks: number;
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
 * Sends the settler's calls, one at a time, each under one nonce: transactions of one call replace each other, and the
 * nonce of a call is not given to another before it was used, unless it was given up on. Never throws: an RPC that does
 * not answer is an unknown result.
 */
export class TransactionSender {
  readonly #options: TransactionSenderOptions;
  #sent: Sent | undefined;

  constructor(options: TransactionSenderOptions) {
    this.#options = options;
  }

  /** Asking again with the same call goes on waiting for it. */
  send(call: ContractCall): Promise<SentResult> {
    return this.#options.turns.run(() => this.#sendOrWait(call));
  }

  async #sendOrWait(call: ContractCall): Promise<SentResult> {
    const data = encodeFunctionData(call);
    try {
      const isUnderWay = this.#sent?.data === data && this.#sent.call.address === call.address;
      if (!isUnderWay) {
        const refused = await this.#begin(call, data);
        if (refused) return refused;
      } else if (this.#sent?.serialized) {
        // The endpoint that had it may be gone, or have forgotten it; a transaction that was mined is refused.
        await this.#broadcast(this.#sent.serialized).catch(() => undefined);
      }
      return await this.#wait(this.#sent as Sent);
    } catch (err) {
      this.#options.log.warn({ err, what: call.what }, "chain: no answer while sending");
      return { status: "unknown", txHash: this.#sent?.hashes.at(-1) };
    }
  }

  /** Simulates, then sends the first transaction. */
  async #begin(call: ContractCall, data: Hex): Promise<SentResult | undefined> {
    const { client, settler } = this.#options;
    const { abi, functionName, args } = call;
    const { address } = settler;
    const [mined, pending] = await Promise.all([
      client.getTransactionCount({ address, blockTag: "latest" }),
      client.getTransactionCount({ address, blockTag: "pending" }),
    ]);
    let gas: bigint;
    try {
      // A transaction of ours that is still waiting would be part of the pending block, and make this call look done.
      gas = await client.estimateContractGas({
        address: call.address,
        abi,
        functionName,
        args,
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
      call,
      data,
      nonce: mined,
      gas: withMargin < MAX_GAS ? withMargin : MAX_GAS,
      hashes: [],
      fees: await this.#marketFees(),
      sentAtMs: Date.now(),
      missingLooks: 0,
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
    const { chainId, settler, log } = this.#options;
    const { what, address } = sent.call;
    for (let bumps = 0; ; bumps++) {
      const serialized = await settler.signTransaction({
        type: "eip1559",
        chainId,
        nonce: sent.nonce,
        to: address,
        data: sent.data,
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
        log.info({ what, txHash: hash, nonce: sent.nonce, ...sent.fees }, "chain: sent a transaction");
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
    this.#options.log.warn(
      { what: sent.call.what, ...sent.fees },
      "chain: a transaction is not mined, and its fee is at the limit",
    );
    if (sent.serialized) await this.#broadcast(sent.serialized);
  }

  async #wait(sent: Sent): Promise<SentResult> {
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
        log.debug({ err }, "chain: no answer while waiting for a transaction");
      }
      if (Date.now() >= deadlineMs) return { status: "unknown", txHash: sent.hashes.at(-1) };
      await pause(receiptPollMs);
    }
  }

  get #repeatMs(): number {
    return Math.min(LONGEST_REPEAT_MS, this.#options.bumpAfterMs / 3);
  }

  /** What became of the transactions; undefined while one may still be mined. */
  async #ended(sent: Sent): Promise<SentResult | undefined> {
    const { client, settler } = this.#options;
    const mined = await client.getTransactionCount({ address: settler.address, blockTag: "latest" });
    for (const hash of sent.hashes.toReversed()) {
      const receipt = await this.#receipt(hash);
      if (receipt?.status === "success") {
        return { status: "mined", txHash: hash, blockNumber: receipt.blockNumber };
      }
      if (receipt) return { status: "refused", reason: await this.#whyReverted(sent.call) };
    }
    // The chain went back to before ours, and nobody may have what was there any more: behind such a gap ours would wait
    // for ever. The caller asks the contracts what is missing, and sends that once more.
    sent.missingLooks = mined < sent.nonce ? sent.missingLooks + 1 : 0;
    const isBehindAGap = sent.missingLooks >= MISSING_LOOKS;
    // Another transaction took the nonce: the caller asks the contracts whether it was an earlier process's with this call.
    return mined > sent.nonce || isBehindAGap ? { status: "unknown", txHash: undefined } : undefined;
  }

  async #receipt(hash: Hex): Promise<TransactionReceipt | undefined> {
    try {
      return await this.#options.client.getTransactionReceipt({ hash });
    } catch (error) {
      if (error instanceof TransactionReceiptNotFoundError) return undefined;
      throw error;
    }
  }

  async #whyReverted({ address, abi, functionName, args }: ContractCall): Promise<string> {
    const { client, settler } = this.#options;
    try {
      await client.simulateContract({ address, abi, functionName, args, account: settler.address });
      return "reverted when it was mined, and would not now";
    } catch (error) {
      return revertReason(error) ?? "reverted";
    }
  }
}
