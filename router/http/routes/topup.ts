import { formatTokens } from "../../model/money.ts";
import type { PaymentAuthorization } from "../../model/payment.ts";
import type { Relay, RelayResult, Terms } from "../../ports.ts";
import { journalDown, Refusal } from "../../request/refusal.ts";
import { clientLimit } from "../clientLimit.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { newKey } from "../newKey.ts";
import { readBody } from "../readBody.ts";
import type { Route } from "../route.ts";
import { MOST_APP_FEE_PCT, parse, TopupFields } from "../schemas.ts";
import { paymentRequiredHeader, readPaymentHeader, urlOf } from "../x402.ts";
import { refuseRelay } from "./deposits.ts";

const TOPUPS_PER_MINUTE = 20;
const ASKED_VALIDITY_SEC = 600;
const MOST_VALIDITY_SEC = 3_600;
/** Nonces of tokens' own authorizations are kept apart from those of any account. */
const NO_ACCOUNT = 0;
const TOKEN = { name: "AI1NET", version: "1" } as const;

type Mined = Extract<RelayResult, { status: "mined" }>;

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/**
 * Buys an account, and a key for it, by plain x402 on the token: the payment goes to the account's own deposit address,
 * where it is nobody else's whatever happens next, and is swept in from there.
 */
export function topupRoutes({ world, relay, network, wallets, chain }: AppDeps): Route[] {
  const limit = clientLimit(TOPUPS_PER_MINUTE);
  const { keys, journal, clock } = world;
  const { chainId, contracts } = network;
  const networkName = `eip155:${chainId}` as const;

  return [
    {
      method: "post",
      path: "/v1/topup",
      async handle({ req, res }) {
        await limit(req);
        const { payer, amount, strict, name } = parse(TopupFields, (await readBody(req)).body);
        const amountWei = amount ?? network.minDepositWei;
        const terms: Terms = { owner: payer, signer: payer, strict, maxAppFeePct: MOST_APP_FEE_PCT };
        const payTo = await relay.depositAddress(terms);
        const ask = (reason: string, message: string): Refusal => {
          const accepts = {
            scheme: "exact",
            network: networkName,
            amount: amountWei.toString(),
            asset: contracts.token,
            payTo,
            maxTimeoutSeconds: ASKED_VALIDITY_SEC,
            extra: TOKEN,
          };
          const headers = paymentRequiredHeader([accepts], urlOf(req), message);
          return new Refusal(402, "payment_required", message, {
            shouldRetry: false,
            metadata: { reason, limit_source: "topup", needed_wei: amountWei.toString() },
            headers,
          });
        };
        const header = req.headers["payment-signature"];
        if (header === undefined)
          throw ask("payment_missing", "sign the payment that the PAYMENT-REQUIRED header asks for");
        const payment = readPaymentHeader(String(header), networkName, contracts.token);
        const nowSec = Math.floor(clock.nowMs() / 1000);
        if (!same(payment.to, payTo)) throw ask("wrong_payee", `the payment must be to ${payTo}`);
        if (payment.valueWei !== amountWei)
          throw ask("wrong_amount", `the payment must be over ${amountWei} wei`);
        // A key spends all that the account has, so it is for nobody but its owner.
        if (!same(payment.from, payer)) throw ask("not_the_payer", "the payer's own wallet must sign");
        if (payment.validBeforeSec <= nowSec) throw ask("expired", "the payment has expired");
        if (payment.validBeforeSec > nowSec + MOST_VALIDITY_SEC)
          throw ask("valid_too_long", `the payment may be valid for ${MOST_VALIDITY_SEC} s at most`);
        if (amountWei < network.minDepositWei)
          throw ask("too_little", `the least is ${formatTokens(network.minDepositWei)} $AI1NET`);
        if (journal.failure()) throw journalDown();
        const isFirst = await wallets?.nonces.reserve(NO_ACCOUNT, payment.nonce, payment.validBeforeSec);
        if (isFirst !== true) throw ask("nonce_used", "this payment was shown before");

        const paid = await transfer(relay, terms, payment);
        const { accountId } = await sweep(relay, terms);
        await chain.account(accountId);
        const shown = {
          account_id: accountId,
          strict,
          amount: formatTokens(payment.valueWei),
          amount_wei: payment.valueWei.toString(),
          tx_hash: paid.txHash,
        };
        res.setHeader("cache-control", "no-store");
        res.setHeader(
          "payment-response",
          Buffer.from(
            JSON.stringify({
              success: true,
              payer,
              transaction: paid.txHash,
              network: networkName,
              amount: payment.valueWei.toString(),
            }),
          ).toString("base64"),
        );
        if (strict) {
          sendJson(res, 201, { ...shown, key: null });
          return;
        }
        const { key, text } = newKey(accountId, name, Math.floor(clock.nowMs()));
        await journal.append({ kind: "key", key });
        keys.add(key);
        sendJson(res, 201, { ...shown, id: key.keyId, key: text });
      },
    },
  ];
}

/** Puts the payment through. Only one that this very call has put through is answered with a key. @throws {Refusal} */
async function transfer(relay: Relay, terms: Terms, payment: PaymentAuthorization): Promise<Mined> {
  const result = await relay.deposit({ kind: "transfer", terms, payment });
  if (result.status === "mined") return result;
  if (result.status === "refused" || result.status === "busy") throw refuseRelay(result);
  const message =
    result.status === "already"
      ? "this payment was put through by somebody else; the money is the account's: sweep it with POST /v1/deposits, and sign in for a key"
      : `transaction ${result.txHash} is not mined yet; the money will be the account's: sweep it with POST /v1/deposits, and sign in for a key`;
  throw new Refusal(409, "invalid_request", message, {
    shouldRetry: false,
    metadata: { reason: result.status === "already" ? "nonce_used" : "pending" },
  });
}

/** Somebody else may have been faster: that is as good. @throws {Refusal} */
async function sweep(relay: Relay, terms: Terms): Promise<{ readonly accountId: number }> {
  const result = await relay.deposit({ kind: "sweep", terms });
  if (result.status === "mined" || result.status === "already") return result;
  if (result.status === "refused" || result.status === "busy") throw refuseRelay(result);
  throw new Refusal(503, "service_unavailable", "the payment has arrived and is not swept in yet", {
    shouldRetry: false,
    metadata: { reason: "pending", tx_hash: result.txHash },
  });
}
