import { createHash, randomBytes } from "node:crypto";
import { toHex } from "../../model/bytes.ts";
import { formatTokens, type Wei } from "../../model/money.ts";
import type { ApiKey } from "../../model/record.ts";
import { authenticate } from "../../request/authenticate.ts";
import { journalDown, notFound, Refusal } from "../../request/refusal.ts";
import { authorizeAdmin } from "../admin.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { readBody } from "../readBody.ts";
import type { Route } from "../route.ts";
import { KeyFields, parse } from "../schemas.ts";

const amount = (wei: Wei): string => formatTokens(wei > 0n ? wei : 0n);

function accountRefused(message: string, reason: string): Refusal {
  return new Refusal(409, "invalid_request", message, {
    param: "accountId",
    metadata: { reason },
    shouldRetry: false,
  });
}

export function accountRoutes({ world, chain, operatorId, adminToken }: AppDeps): Route[] {
  const { keys, accounts, journal, clock } = world;
  return [
    {
      method: "get",
      path: "/v1/credits",
      handle({ req, res }) {
        const { accountId } = authenticate(keys, req.headers.authorization);
        const snapshot = accounts.snapshot(accountId);
        if (!snapshot)
          throw new Refusal(503, "service_unavailable", "this account is not loaded from the chain yet");
        const availableWei = accounts.availableWei(accountId);
        sendJson(res, 200, {
          data: {
            account_id: accountId,
            balance: amount(snapshot.balanceWei),
            credits: amount(snapshot.creditsWei),
            exiting: amount(snapshot.exitWei),
            held: amount(accounts.heldWei(accountId)),
            unsettled: amount(accounts.unsettledWei(accountId)),
            available: amount(availableWei),
            available_wei: (availableWei > 0n ? availableWei : 0n).toString(),
            block_number: snapshot.blockNumber.toString(),
          },
        });
      },
    },
    {
      method: "get",
      path: "/v1/key",
      handle({ req, res }) {
        const key = authenticate(keys, req.headers.authorization);
        sendJson(res, 200, {
          data: {
            id: key.keyId,
            label: key.name,
            account_id: key.accountId,
            created_at: new Date(key.createdAtMs).toISOString(),
            limit: null,
            limit_remaining: null,
          },
        });
      },
    },
    {
      method: "post",
      path: "/v1/keys",
      async handle({ req, res }) {
        authorizeAdmin(adminToken, req.headers.authorization);
        const { accountId, name } = parse(KeyFields, (await readBody(req)).body);
        if (journal.failure()) throw journalDown();
        const account = await chain.account(accountId);
        if (!account) throw notFound(`there is no account ${accountId} on chain`);
        if (account.operatorId !== operatorId)
          throw accountRefused(`account ${accountId} was opened for another operator`, "other_operator");
        if (account.strict)
          throw accountRefused(`account ${accountId} pays by its wallet's signatures only`, "strict");
        const secret = randomBytes(32).toString("base64url");
        const key: ApiKey = {
          keyId: randomBytes(8).toString("hex"),
          accountId,
          name,
          secretHash: toHex(createHash("sha256").update(secret).digest()),
          createdAtMs: Math.floor(clock.nowMs()),
        };
        await journal.append({ kind: "key", key });
        accounts.refresh(account);
        keys.add(key);
        res.setHeader("cache-control", "no-store");
        sendJson(res, 201, {
          id: key.keyId,
          key: `sk-ai1-${key.keyId}-${secret}`,
          account_id: accountId,
          name,
        });
      },
    },
    {
      method: "delete",
      path: "/v1/keys/:id",
      async handle({ req, res }) {
        authorizeAdmin(adminToken, req.headers.authorization);
        const key = keys.get(String(req.params["id"]));
        if (!key) throw notFound("there is no such key");
        await journal.append({ kind: "keyRevoked", keyId: key.keyId, atMs: Math.floor(clock.nowMs()) });
        keys.remove(key.keyId);
        sendJson(res, 200, { id: key.keyId, deleted: true });
      },
    },
  ];
}
