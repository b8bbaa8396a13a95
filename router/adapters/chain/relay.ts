import {
  BaseError,
  ContractFunctionRevertedError,
  encodeFunctionData,
  keccak256,
  parseEventLogs,
  TransactionReceiptNotFoundError,
  type Abi,
  type Hex,
  type TransactionReceipt,
} from "viem";
import type { PrivateKeyAccount } from "viem/accounts";

import type { Deposit, Logger, Relay, RelayResult, Terms } from "../../ports.ts";
import { depositAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";
import type { Turns } from "./turns.ts";

export interface RelayOptions {
  readonly client: Client;
  readonly contracts: Contracts;
  readonly operatorId: number;
  readonly chainId: number;
  /** Pays the gas. */
  readonly relayer: PrivateKeyAccount;
  /** Shared with everybody who sends with this key. */
  readonly turns: Turns;
  /** False while another router sends with this key. */
  readonly mayRelay: () => Promise<boolean>;
  readonly log: Logger;
  /** Gas of everything relayed in one hour. */
  readonly gasPerHour: bigint;
  /** Less than this is not worth its gas. */
  readonly minDepositWei: bigint;
  readonly timeoutMs: number;
  readonly receiptPollMs: number;
  readonly maxFeePerGasWei: bigint;
}

/** Which arguments go with which function is checked where the call is made. */
const ANY_CALL: Abi = depositAbi;
/** What a deposit may need, a contract wallet's own check of its signature included. */
const MOST_GAS = 600_000n;
const GAS_MARGIN_PCT = 120n;
const MOST_WAITING = 32;
const HOUR_MS = 3_600_000;

/** Errors that say that the very same deposit was made before, by whomever. */
const DONE_BEFORE = new Set(["AI1NET_AuthorizationUsed", "Escrow_GrantUsed"]);

type DepositCall =
  | {
      readonly functionName: "depositWithAuthorization";
      readonly args: readonly [ChainTerms, Hex, bigint, bigint, bigint, Hex];
    }
  | {
      readonly functionName: "depositWithPermit";
      readonly args: readonly [ChainTerms, Hex, bigint, bigint, number, Hex, Hex, Hex];
    }
  | { readonly functionName: "sweep"; readonly args: readonly [ChainTerms] }
  | {
      readonly functionName: "transferWithAuthorization";
      readonly args: readonly [Hex, Hex, bigint, bigint, bigint, Hex, Hex];
    };

type ChainTerms = Terms & { readonly operatorId: number };

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

interface Revert {
  readonly name: string;
  readonly text: string;
}

/** The contracts' error in what was thrown; undefined when it is no revert. */
function revertOf(error: unknown): Revert | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const revert = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  if (!(revert instanceof ContractFunctionRevertedError)) return undefined;
  const { data, signature, reason } = revert;
  if (!data) return { name: "", text: signature ?? reason ?? "reverted" };
  return { name: data.errorName, text: `${data.errorName}(${(data.args ?? []).map(String).join(", ")})` };
}

/**
 * Sends deposits for those who signed them, one at a time. Each is simulated first, so what can't succeed costs nobody
 * gas; the same one asked for twice is sent once.
 */
export class DepositRelay implements Relay {
  readonly #options: RelayOptions;
  readonly #ongoing = new Map<string, Promise<RelayResult>>();
  /** Sent, and not known to be mined. */
  readonly #sent = new Map<string, Hex>();
  #spent: { readonly atMs: number; readonly gas: bigint }[] = [];

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  async depositAddress(terms: Terms): Promise<Hex> {
    const { client, contracts } = this.#options;
    return client.readContract({
      address: contracts.escrow,
      abi: depositAbi,
      functionName: "depositAddress",
      args: [this.#onChain(terms)],
    });
  }

  deposit(deposit: Deposit): Promise<RelayResult> {
    // Signatures of one message may differ: what is done is what counts.
    const key = keccak256(encodeFunctionData({ abi: depositAbi, ...this.#call(deposit) }));
    const ongoing = this.#ongoing.get(key);
    if (ongoing) return ongoing;
    const { turns } = this.#options;
    if (turns.length >= MOST_WAITING)
      return Promise.resolve({ status: "busy", reason: "too many deposits are waiting" });
    const result = turns.run(() => this.#deposit(deposit, key)).finally(() => this.#ongoing.delete(key));
    this.#ongoing.set(key, result);
    return result;
  }

  async #deposit(deposit: Deposit, key: string): Promise<RelayResult> {
    const { client, relayer, log, mayRelay } = this.#options;
    const { address } = relayer;
    const earlier = this.#sent.get(key);
    if (earlier) {
      const receipt = await this.#receipt(earlier);
      if (receipt) return this.#ended(receipt, deposit, key);
    }
    if (!(await mayRelay()))
      return { status: "busy", reason: "another router of this operator sends transactions" };
    const [mined, pending] = await Promise.all([
      client.getTransactionCount({ address, blockTag: "latest" }),
      client.getTransactionCount({ address, blockTag: "pending" }),
    ]);
    if (earlier && pending > mined) return this.#wait(earlier, deposit, key);
    if (pending > mined) return { status: "busy", reason: "an earlier transaction waits to be mined" };
    const refused = await this.#refuse(deposit);
    if (refused) return refused;
    const gas = await this.#estimate(deposit);
    if (typeof gas !== "bigint") return gas;

    const withMargin = (gas * GAS_MARGIN_PCT) / 100n;
    if (!this.#afford(withMargin))
      return { status: "busy", reason: "the gas budget of this hour is used up" };
    const serializedTransaction = await relayer.signTransaction({
      type: "eip1559",
      chainId: this.#options.chainId,
      nonce: mined,
      to: this.#target(deposit),
      data: encodeFunctionData({ abi: depositAbi, ...this.#call(deposit) }),
      gas: withMargin,
      ...(await this.#fees()),
    });
    const txHash = keccak256(serializedTransaction);
    this.#sent.set(key, txHash);
    try {
      await client.sendRawTransaction({ serializedTransaction });
    } catch (error) {
      // It may have arrived for all that: then its receipt, or the contracts, will tell.
      log.warn({ err: error, txHash }, "relay: a deposit's transaction got no answer");
    }
    return this.#wait(txHash, deposit, key);
  }

  #onChain(terms: Terms): ChainTerms {
    return { ...terms, operatorId: this.#options.operatorId };
  }

  #call(deposit: Deposit): DepositCall {
    const terms = this.#onChain(deposit.terms);
    if (deposit.kind === "authorization") {
      const { salt, amountWei, validAfter, validBefore, signature } = deposit;
      return {
        functionName: "depositWithAuthorization",
        args: [terms, salt, amountWei, validAfter, validBefore, signature],
      };
    }
    if (deposit.kind === "permit") {
      const { salt, amountWei, deadline, permit, grantSignature } = deposit;
      const { v, r, s } = permit;
      return {
        functionName: "depositWithPermit",
        args: [terms, salt, amountWei, deadline, v, r, s, grantSignature],
      };
    }
    if (deposit.kind === "transfer") {
      const { from, to, valueWei, validAfterSec, validBeforeSec, nonce, signature } = deposit.payment;
      return {
        functionName: "transferWithAuthorization",
        args: [from, to, valueWei, BigInt(validAfterSec), BigInt(validBeforeSec), nonce, signature],
      };
    }
    return { functionName: "sweep", args: [terms] };
  }

  #target({ kind }: Deposit): Hex {
    const { token, escrow } = this.#options.contracts;
    return kind === "transfer" ? token : escrow;
  }

  /** What is too little to be worth its gas. */
  async #refuse(deposit: Deposit): Promise<RelayResult | undefined> {
    const { client, contracts, minDepositWei } = this.#options;
    if (deposit.kind === "transfer") return undefined;
    let { amountWei } = deposit.kind === "sweep" ? { amountWei: 0n } : deposit;
    if (deposit.kind === "sweep") {
      const address = await this.depositAddress(deposit.terms);
      amountWei = await client.readContract({
        address: contracts.token,
        abi: depositAbi,
        functionName: "balanceOf",
        args: [address],
      });
      if (amountWei === 0n) {
        const accountId = await this.#accountId(deposit.terms);
        return accountId === 0
          ? { status: "refused", reason: `nothing has arrived at ${address}` }
          : { status: "already", accountId };
      }
    }
    if (amountWei >= minDepositWei) return undefined;
    return {
      status: "refused",
      reason: `${amountWei} wei are less than the ${minDepositWei} that are relayed`,
    };
  }

  async #estimate(deposit: Deposit): Promise<bigint | RelayResult> {
    const { client, relayer } = this.#options;
    try {
      const gas = await client.estimateContractGas({
        address: this.#target(deposit),
        abi: ANY_CALL,
        account: relayer.address,
        ...this.#call(deposit),
      });
      return gas <= MOST_GAS
        ? gas
        : { status: "refused", reason: `it needs ${gas} gas, at most ${MOST_GAS} are paid` };
    } catch (error) {
      const revert = revertOf(error);
      if (!revert) throw error;
      const isDone = DONE_BEFORE.has(revert.name);
      const accountId = isDone ? await this.#accountId(deposit.terms) : 0;
      if (isDone && deposit.kind === "transfer") return { status: "already", accountId };
      return accountId === 0 ? { status: "refused", reason: revert.text } : { status: "already", accountId };
    }
  }

  #accountId(terms: Terms): Promise<number> {
    const { client, contracts } = this.#options;
    return client.readContract({
      address: contracts.escrow,
      abi: depositAbi,
      functionName: "accountIdOf",
      args: [this.#onChain(terms)],
    });
  }

  #afford(gas: bigint): boolean {
    const nowMs = Date.now();
    this.#spent = this.#spent.filter(({ atMs }) => atMs > nowMs - HOUR_MS);
    const spent = this.#spent.reduce((sum, each) => sum + each.gas, 0n);
    if (spent + gas > this.#options.gasPerHour) return false;
    this.#spent.push({ atMs: nowMs, gas });
    return true;
  }

  async #fees(): Promise<{ maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }> {
    const { client, maxFeePerGasWei } = this.#options;
    const [block, tip] = await Promise.all([
      client.getBlock({ blockTag: "latest" }),
      client.estimateMaxPriorityFeePerGas(),
    ]);
    const fee = 2n * (block.baseFeePerGas ?? 0n) + tip;
    const maxFeePerGas = fee < maxFeePerGasWei ? fee : maxFeePerGasWei;
    return { maxFeePerGas, maxPriorityFeePerGas: tip < maxFeePerGas ? tip : maxFeePerGas };
  }

  async #wait(txHash: Hex, deposit: Deposit, key: string): Promise<RelayResult> {
    const { timeoutMs, receiptPollMs, log } = this.#options;
    for (const deadlineMs = Date.now() + timeoutMs; ;) {
      const receipt = await this.#receipt(txHash).catch(() => undefined);
      if (receipt) return this.#ended(receipt, deposit, key);
      if (Date.now() >= deadlineMs) {
        log.warn({ txHash }, "relay: a deposit is not mined yet");
        return { status: "unknown", txHash };
      }
      await pause(receiptPollMs);
    }
  }

  async #ended(receipt: TransactionReceipt, deposit: Deposit, key: string): Promise<RelayResult> {
    this.#sent.delete(key);
    const { log, contracts } = this.#options;
    const txHash = receipt.transactionHash;
    const [deposited] = parseEventLogs({
      abi: depositAbi,
      eventName: "Deposited",
      logs: receipt.logs.filter(({ address }) => address.toLowerCase() === contracts.escrow.toLowerCase()),
    });
    if (deposited) {
      const { accountId, amount } = deposited.args;
      log.info({ txHash, accountId, amountWei: amount.toString() }, "relay: deposited");
      return { status: "mined", accountId, amountWei: amount, txHash };
    }
    if (deposit.kind === "transfer" && receipt.status === "success")
      return { status: "mined", accountId: 0, amountWei: deposit.payment.valueWei, txHash };
    // Somebody else was faster with the same signature, or the money has left meanwhile: the contracts say which.
    log.warn({ txHash, kind: deposit.kind }, "relay: a deposit reverted");
    const verdict = await this.#estimate(deposit);
    return typeof verdict === "bigint"
      ? { status: "refused", reason: "reverted when it was mined, and would not now" }
      : verdict;
  }

  async #receipt(hash: Hex): Promise<TransactionReceipt | undefined> {
    try {
      return await this.#options.client.getTransactionReceipt({ hash });
    } catch (error) {
      if (error instanceof TransactionReceiptNotFoundError) return undefined;
      throw error;
    }
  }
}
