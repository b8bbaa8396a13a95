import { minWei, type Wei } from "../model/money.ts";
import type { PaymentAuthorization } from "../model/payment.ts";
import { serveColumns, shareOf, type ColumnReply } from "./columns.ts";
import type { Demand } from "./demand.ts";
import type { MoneyHold } from "./hold.ts";
import { paidHashOf, priceOf } from "./paidDemand.ts";
import { journalDown, Refusal } from "./refusal.ts";
import { appOf, serveFirst } from "./serve.ts";
import {
  faultOf,
  payingAccount,
  PaymentPurse,
  PaymentRequired,
  walletKey,
  type WalletRail,
} from "./walletPayment.ts";
import type { World } from "./world.ts";

/** A comparison that a wallet pays for by itself, or is to be asked to. */
export interface WalletComparison {
  /** `gen-...` */
  readonly requestId: string;
  /** One per column, in their order: on chain a payment answers for one row. */
  readonly payments: readonly PaymentAuthorization[];
  /** Where the signer has several accounts: the one that pays. */
  readonly accountId: number | undefined;
  readonly read: () => Promise<readonly Demand[]>;
  readonly begin: (demands: readonly Demand[]) => readonly ColumnReply[];
}

/**
 * Serves one prompt by several models on the wallet rail. Without payments it says what to sign, column by column. Money for
 * all columns is held before the first leaves, and each costs what its own payment covers at most.
 * @throws {PaymentRequired}
 * @throws {Refusal} before anything has left
 */
export async function compareWallet(
  world: World,
  rail: WalletRail,
  { requestId, payments, accountId: named, read, begin }: WalletComparison,
): Promise<void> {
  const startedAtMs = world.clock.nowMs();
  const demands = await read();
  const ask = async (reason: string, message: string): Promise<PaymentRequired> =>
    new PaymentRequired(await pricesOf(world, demands, startedAtMs), message, reason);
  if (payments.length === 0)
    throw await ask(
      "payment_missing",
      "send an API key, or sign every payment that the PAYMENT-REQUIRED header asks for, one per column",
    );
  if (world.journal.failure()) throw journalDown();
  const fault = faultOfAll(rail, payments, demands.length, Math.floor(startedAtMs / 1000));
  if (fault) throw await ask(fault.reason, fault.message);
  const [{ from }] = payments as [PaymentAuthorization];
  const account = await payingAccount(world, rail, from, named);
  const { accountId } = account;
  const key = walletKey(accountId);
  const columns = demands.map((demand, index) => {
    const payment = payments[index] as PaymentAuthorization;
    const app = appOf(world, demand, account);
    return {
      payment,
      app,
      requestHash: paidHashOf(demand, payment),
      purse: new PaymentPurse(payment.valueWei),
    };
  });
  for (const { nonce, validBeforeSec } of payments)
    if (!(await rail.nonces.reserve(accountId, nonce, validBeforeSec)))
      throw await ask("nonce_used", "one of these payments was used before: each pays for one column");
  const sharesWei = await Promise.all(
    columns.map(async ({ app, payment }, index) => {
      const shareWei = await shareOf(world, key, demands[index] as Demand, app, startedAtMs);
      return minWei(shareWei, payment.valueWei);
    }),
  );
  await serveColumns({
    demands,
    purses: world.funds.pursesOf(key),
    sharesWei,
    begin,
    serve: async ({ index, demand, hold, reply }) => {
      const { payment, app, requestHash, purse } = columns[index] as (typeof columns)[number];
      const id = `${requestId}-${index}`;
      const request = { requestId: id, key, demand, requestHash, app, startedAtMs, name: undefined, payment };
      try {
        await serveFirst(world, request, reply, [], withinPayment(hold, purse));
      } catch (error) {
        throw underpaid(error, purse, payment.valueWei) ?? error;
      }
    },
  });
}

/** What each column asks for; nothing for one that would be refused whatever is paid. */
function pricesOf(world: World, demands: readonly Demand[], nowMs: number): Promise<Wei[]> {
  return Promise.all(
    demands.map((demand) =>
      priceOf(world, demand, nowMs).catch((error: unknown) => {
        if (error instanceof Refusal) return 0n;
        throw error;
      }),
    ),
  );
}

function faultOfAll(
  rail: WalletRail,
  payments: readonly PaymentAuthorization[],
  columns: number,
  nowSec: number,
): { readonly reason: string; readonly message: string } | undefined {
  const came = payments.length;
  if (came !== columns)
    return {
      reason: "one_payment_per_column",
      message:
        `a comparison of ${columns} models takes ${columns} payments, one for each entry of the PAYMENT-REQUIRED header, in ` +
        `its order, with commas between; ${came} came. payPerColumn of AI1NET's client signs them all; a client that signs ` +
        "one payment a request asks each model by itself: POST /v1/chat/completions",
    };
  for (const [index, payment] of payments.entries()) {
    const fault = faultOf(rail, payment, nowSec);
    if (fault) return { ...fault, message: `column ${index}: ${fault.message}` };
  }
  const differ = (of: (payment: PaymentAuthorization) => string): number =>
    new Set(payments.map((payment) => of(payment).toLowerCase())).size;
  if (differ(({ from }) => from) > 1)
    return { reason: "several_payers", message: "all columns of a comparison are paid by one wallet" };
  if (differ(({ nonce }) => nonce) < came)
    return { reason: "nonce_used", message: "each column needs a payment of its own: two have one nonce" };
  return undefined;
}

/** The column's part of the money, as far as its payment goes. */
function withinPayment(hold: MoneyHold, purse: PaymentPurse): MoneyHold {
  return {
    cover: async (amountWei) => {
      const shortage = purse.shortage(amountWei);
      return shortage ? { ...shortage, purse } : hold.cover(amountWei);
    },
    release: () => hold.release(),
  };
}

function underpaid(error: unknown, { source, neededWei }: PaymentPurse, valueWei: Wei): Refusal | undefined {
  const isShort = error instanceof Refusal && error.details.metadata?.["limit_source"] === source;
  if (!isShort || neededWei === undefined) return undefined;
  const message = `the column's payment is over ${valueWei} wei; it can cost ${neededWei}`;
  return new Refusal(402, "payment_required", message, {
    shouldRetry: false,
    metadata: { reason: "underpaid", limit_source: source, needed_wei: neededWei.toString() },
  });
}
