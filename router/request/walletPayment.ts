import type { AccountSnapshot, Hold, Shortage } from "../model/account.ts";
import type { Hex } from "../model/bytes.ts";

import type { Purse } from "../model/funds.ts";
import type { Wei } from "../model/money.ts";
import { paymentDigest, type PaymentAuthorization } from "../model/payment.ts";
import type { ApiKey } from "../model/record.ts";
import type { AccountFinder, PaymentNonces } from "../ports.ts";
import { Refusal } from "./refusal.ts";
import type { World } from "./world.ts";

/** What taking payments from wallets needs. */
export interface WalletRail {
  readonly chainId: number;
  readonly escrow: Hex;
  /** Whom payments have to name: the operator's own address. */
  readonly payee: Hex;
  readonly nonces: PaymentNonces;
  readonly finder: Pick<AccountFinder, "ofSigner">;
  /** Reads an account into the book, and lets its rows be numbered. */
  readonly load: (accountId: number) => Promise<AccountSnapshot | undefined>;
  /** Who signed a digest; undefined for what is no signature. */
  readonly recover: (digest: Uint8Array, signature: Hex) => Hex | undefined;
}

/** A payment has to outlast the longest request: its row is only covered by one that was good when it was served. */
export const LEAST_VALIDITY_SEC = 720;
/** What wallets are asked for: with time for clocks that differ, and for a human to say yes. */
export const ASKED_VALIDITY_SEC = 1_200;
/** Longer ones would have to be remembered for longer. */
const MOST_VALIDITY_SEC = 3_600;

/** 402: says what to sign. */
export class PaymentRequired extends Refusal {
  /**
   * The most that the request can cost, the app's fee included; of a comparison each column by itself, since a payment answers
   * for one row.
   */
  readonly amountsWei: readonly Wei[];

  constructor(amountsWei: Wei | readonly Wei[], message: string, reason: string) {
    const amounts = typeof amountsWei === "bigint" ? [amountsWei] : amountsWei;
    const neededWei = amounts.reduce((sum, amountWei) => sum + amountWei, 0n);
    super(402, "payment_required", message, {
      shouldRetry: false,
      metadata: { reason, limit_source: "payment_authorization", needed_wei: neededWei.toString() },
    });
    this.amountsWei = amounts;
  }
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** What is wrong with a payment whoever made it; undefined when nothing is. */
export function faultOf(
  rail: WalletRail,
  payment: PaymentAuthorization,
  nowSec: number,
): { readonly reason: string; readonly message: string } | undefined {
  const { from, to, validAfterSec, validBeforeSec, signature } = payment;
  if (!same(to, rail.payee))
    return { reason: "wrong_payee", message: `the payment is to ${to}, not to this router's ${rail.payee}` };
  if (validAfterSec >= nowSec)
    return { reason: "not_yet_valid", message: `the payment is valid only after ${validAfterSec}` };
  if (validBeforeSec <= nowSec)
    return { reason: "expired", message: `the payment was valid before ${validBeforeSec}; it is ${nowSec}` };
  if (validBeforeSec < nowSec + LEAST_VALIDITY_SEC)
    return {
      reason: "expires_too_soon",
      message: `the payment must be valid for ${LEAST_VALIDITY_SEC} s more, to outlast the request`,
    };
  if (validBeforeSec > nowSec + MOST_VALIDITY_SEC)
    return {
      reason: "valid_too_long",
      message: `the payment may be valid for ${MOST_VALIDITY_SEC} s at most`,
    };
  const signer = rail.recover(paymentDigest(rail, payment), signature);
  if (!signer || !same(signer, from))
    return { reason: "invalid_signature", message: `the payment is not signed by ${from}` };
  return undefined;
}

/** The strict accounts of a signer: known ones from the book, else from the chain. */
async function accountsOf(
  world: World,
  rail: WalletRail,
  signer: Hex,
  isMeant: (account: AccountSnapshot) => boolean,
): Promise<AccountSnapshot[]> {
  const known = world.accounts.ofSigner(signer).filter(isMeant);
  if (known.length > 0) return known;
  const loaded: AccountSnapshot[] = [];
  for (const found of await rail.finder.ofSigner(signer)) {
    const account = isMeant(found) ? await rail.load(found.accountId) : undefined;
    if (account) loaded.push(account);
  }
  return loaded;
}

/** The account that a payment is from: the one named, or else the signer's with the most in it. @throws {Refusal} */
export async function payingAccount(
  world: World,
  rail: WalletRail,
  signer: Hex,
  accountId: number | undefined,
): Promise<AccountSnapshot> {
  const accounts = await accountsOf(
    world,
    rail,
    signer,
    (account) => accountId === undefined || account.accountId === accountId,
  );
  const [richest] = accounts.toSorted((a, b) =>
    Number(world.accounts.availableWei(b.accountId) - world.accounts.availableWei(a.accountId)),
  );
  if (richest) return richest;
  throw new Refusal(
    402,
    "payment_required",
    accountId === undefined
      ? `${signer} signs for no strict account here: open one with POST /v1/topup or POST /v1/deposits`
      : `${signer} does not sign for account ${accountId}`,
    { shouldRetry: false, metadata: { reason: "no_account" } },
  );
}

/** A wallet's requests are told apart by their payments; apart from those it needs no key. */
export function walletKey(accountId: number): ApiKey {
  return { keyId: `x402-${accountId}`, accountId, name: "x402", secretHash: "0x", createdAtMs: 0 };
}

/** What a payment covers. Remembers what was too much for it. */
export class PaymentPurse implements Purse {
  readonly source = "payment_authorization";
  readonly resetsAtMs = undefined;
  readonly #valueWei: Wei;
  /** The least that an offer would have needed. */
  neededWei: Wei | undefined;

  constructor(valueWei: Wei) {
    this.#valueWei = valueWei;
  }

  hold(amountWei: Wei): Hold | Shortage {
    const shortage = this.shortage(amountWei);
    if (shortage) return shortage;
    let current = amountWei;
    return {
      get amountWei() {
        return current;
      },
      resize: (nextWei) => {
        const problem = this.shortage(nextWei);
        if (!problem) current = nextWei;
        return problem;
      },
      release: () => undefined,
    };
  }

  /** What is missing of `amountWei`; nothing is held of a payment. */
  shortage(amountWei: Wei): Shortage | undefined {
    if (amountWei <= this.#valueWei) return undefined;
    if (this.neededWei === undefined || amountWei < this.neededWei) this.neededWei = amountWei;
    return { availableWei: this.#valueWei, neededWei: amountWei, heldWei: 0n };
  }
}
