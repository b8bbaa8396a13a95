import type { z } from "zod";
import { formatTokens } from "../../model/money.ts";
import type { Deposit, RelayResult } from "../../ports.ts";
import { Refusal } from "../../request/refusal.ts";
import { clientLimit } from "../clientLimit.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { readBody } from "../readBody.ts";
import type { Route } from "../route.ts";
import { DepositFields, parse, TermsFields } from "../schemas.ts";

const DEPOSITS_PER_MINUTE = 20;
const NO_PERMIT = { v: 0, r: `0x${"0".repeat(64)}`, s: `0x${"0".repeat(64)}` } as const;

function depositOf({ terms, authorization, permit }: z.infer<typeof DepositFields>): Deposit {
  if (authorization) {
    const { salt, amount_wei, valid_after, valid_before, signature } = authorization;
    return {
      kind: "authorization",
      terms,
      salt,
      amountWei: amount_wei,
      validAfter: valid_after,
      validBefore: valid_before,
      signature,
    };
  }
  if (permit) {
    const { salt, amount_wei, deadline, signature, grant_signature } = permit;
    return {
      kind: "permit",
      terms,
      salt,
      amountWei: amount_wei,
      deadline,
      permit: signature
        ? {
            r: `0x${signature.slice(2, 66)}`,
            s: `0x${signature.slice(66, 130)}`,
            v: Number.parseInt(signature.slice(130), 16),
          }
        : NO_PERMIT,
      grantSignature: grant_signature,
    };
  }
  return { kind: "sweep", terms };
}

/** What a relayed transaction did not come to. @throws {Refusal} */
export function refuseRelay(result: Extract<RelayResult, { status: "refused" | "busy" }>): Refusal {
  if (result.status === "busy")
    return new Refusal(503, "service_unavailable", `the deposit can't be sent now: ${result.reason}`, {
      retryAfterSec: 5,
    });
  return new Refusal(409, "invalid_request", `the deposit would fail: ${result.reason}`, {
    metadata: { reason: /^\w+(?=\()/.exec(result.reason)?.[0] ?? "refused" },
    shouldRetry: false,
  });
}

/** Deposits whose gas the operator pays. */
export function depositRoutes({ relay, network, chain, world }: AppDeps): Route[] {
  const limit = clientLimit(DEPOSITS_PER_MINUTE);
  return [
    {
      method: "get",
      path: "/v1/network",
      handle({ res }) {
        const { chainId, operatorId, payee, contracts, minDepositWei } = network;
        const { ledger, registry, escrow, token, disputes, challenges, reviews } = contracts;
        sendJson(res, 200, {
          chain_id: chainId,
          operator_id: operatorId,
          payee,
          contracts: { ledger, registry, escrow, token, disputes, challenges, reviews },
          min_deposit: formatTokens(minDepositWei),
          min_deposit_wei: minDepositWei.toString(),
        });
      },
    },
    {
      method: "post",
      path: "/v1/deposits/address",
      async handle({ req, res }) {
        await limit(req);
        const terms = parse(TermsFields, (await readBody(req)).body);
        sendJson(res, 200, { address: await relay.depositAddress(terms), token: network.contracts.token });
      },
    },
    {
      method: "post",
      path: "/v1/deposits",
      async handle({ req, res }) {
        await limit(req);
        const result = await relay.deposit(depositOf(parse(DepositFields, (await readBody(req)).body)));
        switch (result.status) {
          case "refused":
          case "busy":
            throw refuseRelay(result);
          case "unknown":
            res.setHeader("retry-after", "5");
            sendJson(res, 202, {
              status: "pending",
              tx_hash: result.txHash,
              message: "send the same request again to learn the account",
            });
            return;
          case "already":
            await load(result.accountId);
            sendJson(res, 200, { status: "already_deposited", account_id: result.accountId });
            return;
          case "mined":
            await load(result.accountId);
            sendJson(res, 201, {
              status: "deposited",
              account_id: result.accountId,
              amount: formatTokens(result.amountWei),
              amount_wei: result.amountWei.toString(),
              tx_hash: result.txHash,
            });
        }
      },
    },
  ];

  /** So that the account can be used at once; the watch will see it anyway. */
  async function load(accountId: number): Promise<void> {
    try {
      await chain.account(accountId);
    } catch (err) {
      world.logger.warn({ err, accountId }, "a deposit's account could not be read yet");
    }
  }
}
