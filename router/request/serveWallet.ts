import type { PaymentAuthorization } from "../model/payment.ts";
import { paidHashOf, priceOf } from "./paidDemand.ts";
import { journalDown, Refusal } from "./refusal.ts";
import type { Reply } from "./reply.ts";
import { appOf, serveFirst, type Call } from "./serve.ts";
import {
  faultOf,
  payingAccount,
  PaymentPurse,
  PaymentRequired,
  walletKey,
  type WalletRail,
} from "./walletPayment.ts";
import type { World } from "./world.ts";

/** A request that a wallet pays for by itself, or is to be asked to. */
export interface WalletCall extends Omit<Call, "authorization" | "idempotencyKey" | "retryCount"> {
  readonly payment: PaymentAuthorization | undefined;
  /** Where the signer has several accounts: the one that pays. */
  readonly accountId: number | undefined;
}

/**
 * Serves one request on the wallet rail. Without a payment it says what to sign: the most that the request can cost at
 * the offer chosen now. With one it serves within it, and charges what it did cost. A payment pays once, so it is its own
 * idempotency key: a request that is sent again needs another.
 * @throws {PaymentRequired}
 * @throws {Refusal}
 * @throws {CallerLeft}
 */
export async function serveWallet(
  world: World,
  rail: WalletRail,
  call: WalletCall,
  reply: Reply,
): Promise<void> {
  const { requestId, payment } = call;
  const startedAtMs = world.clock.nowMs();
  const demand = await call.read();
  if (!payment) {
    const message = "send an API key, or sign the payment that the PAYMENT-REQUIRED header asks for";
    throw new PaymentRequired(await priceOf(world, demand, startedAtMs), message, "payment_missing");
  }
  if (world.journal.failure()) throw journalDown();
  const fault = faultOf(rail, payment, Math.floor(startedAtMs / 1000));
  if (fault)
    throw new PaymentRequired(await priceOf(world, demand, startedAtMs), fault.message, fault.reason);
  const account = await payingAccount(world, rail, payment.from, call.accountId);
  const { accountId } = account;
  const requestHash = paidHashOf(demand, payment);
  const app = appOf(world, demand, account);
  const isUnused = await rail.nonces.reserve(accountId, payment.nonce, payment.validBeforeSec);
  if (!isUnused)
    throw new PaymentRequired(
      await priceOf(world, demand, startedAtMs),
      "this payment was used before: each pays for one request",
      "nonce_used",
    );
  const purse = new PaymentPurse(payment.valueWei);
  const key = walletKey(accountId);
  const request = { requestId, key, demand, requestHash, app, startedAtMs, name: undefined, payment };
  try {
    await serveFirst(world, request, reply, [purse]);
  } catch (error) {
    const { neededWei } = purse;
    const isUnderpaid = error instanceof Refusal && error.details.metadata?.["limit_source"] === purse.source;
    if (!isUnderpaid || neededWei === undefined) throw error;
    throw new PaymentRequired(
      neededWei,
      `the payment is over ${payment.valueWei} wei; the request can cost ${neededWei}`,
      "underpaid",
    );
  }
}
