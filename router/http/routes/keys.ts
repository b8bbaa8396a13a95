import type { z } from "zod";
import type { AccountSnapshot } from "../../model/account.ts";
import type { ApiKey, KeyTerms } from "../../model/record.ts";
import { invalidRequest, journalDown, notFound, Refusal } from "../../request/refusal.ts";
import { authorizeManager, manages, type Manager } from "../authorizeManager.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { keyJson } from "../keyJson.ts";
import { newKey } from "../newKey.ts";
import { readBody } from "../readBody.ts";
import type { Exchange, Route } from "../route.ts";
import { KeyChanges, KeyFields, parse } from "../schemas.ts";

/** More would be a leak of somebody's, not a way of working. */
const MOST_KEYS = 1_000;
const PAGE = 100;

function accountRefused(message: string, reason: string): Refusal {
  return new Refusal(409, "invalid_request", message, {
    param: "accountId",
    metadata: { reason },
    shouldRetry: false,
  });
}

/** Null lifts a restriction; what is not mentioned stays as it was. */
function changed<T>(given: T | null | undefined, before: T | undefined): T | undefined {
  return given === undefined ? before : (given ?? undefined);
}

/** @throws {Refusal} 400 */
function termsOf(fields: z.infer<typeof KeyChanges>, before: KeyTerms, nowMs: number): KeyTerms {
  const limitReset = changed(fields.limit_reset, before.limitReset);
  const terms: KeyTerms = {
    limitWei: changed(fields.limit, before.limitWei),
    limitReset,
    expiresAtMs: changed(fields.expires_at, before.expiresAtMs),
    allowedModels: changed(fields.allowed_models, before.allowedModels),
    requestsPerMinute: changed(fields.requests_per_minute, before.requestsPerMinute),
    tokensPerMinute: changed(fields.tokens_per_minute, before.tokensPerMinute),
    isDisabled: fields.disabled ?? before.isDisabled,
  };
  if (limitReset && terms.limitWei === undefined)
    throw invalidRequest("limit_reset: needs a limit to begin anew", "limit_reset");
  if (typeof fields.expires_at === "number" && fields.expires_at <= nowMs)
    throw invalidRequest("expires_at: has passed already", "expires_at");
  return terms;
}

/** API keys, for the operator and for accounts' owners. */
export function keyRoutes(deps: AppDeps): Route[] {
  const { world, chain, operatorId } = deps;
  const { keys, accounts, journal, clock, funds } = world;

  const manager = ({ req }: Exchange): Promise<Manager> => authorizeManager(deps, req.headers.authorization);
  const may = (who: Manager, accountId: number): boolean => manages(who, accounts.snapshot(accountId));
  /** A key that is somebody else's does not exist. @throws {Refusal} 404 */
  const managed = async (exchange: Exchange): Promise<ApiKey> => {
    const who = await manager(exchange);
    const key = keys.get(String(exchange.req.params["id"]));
    if (!key || !may(who, key.accountId)) throw notFound("there is no such key");
    return key;
  };
  const shown = async (key: ApiKey) => keyJson(key, await funds.spendOf(key), clock.nowMs());

  /** An account that keys can be made for. @throws {Refusal} */
  const payingAccount = async (who: Manager, accountId: number): Promise<AccountSnapshot> => {
    const account = await chain.account(accountId);
    if (!account || !manages(who, account)) throw notFound(`there is no account ${accountId} on chain`);
    if (account.operatorId !== operatorId)
      throw accountRefused(`account ${accountId} was opened for another operator`, "other_operator");
    if (account.strict)
      throw accountRefused(`account ${accountId} pays by its wallet's signatures only`, "strict");
    if (keys.list((key) => key.accountId === accountId).length >= MOST_KEYS)
      throw accountRefused(`account ${accountId} has ${MOST_KEYS} keys: delete some`, "too_many_keys");
    return account;
  };

  return [
    {
      method: "get",
      path: "/v1/keys",
      async handle(exchange) {
        const who = await manager(exchange);
        const { account_id: accountId, offset = "0" } = exchange.req.query;
        if (typeof offset !== "string" || !/^\d{1,9}$/.test(offset))
          throw invalidRequest("offset must be a whole number", "offset");
        if (accountId !== undefined && (typeof accountId !== "string" || !/^\d{1,10}$/.test(accountId)))
          throw invalidRequest("account_id must be the number of an account", "account_id");
        const mine = keys.list(
          (key) =>
            (accountId === undefined || key.accountId === Number(accountId)) && may(who, key.accountId),
        );
        const page = mine.slice(Number(offset), Number(offset) + PAGE);
        sendJson(exchange.res, 200, { data: await Promise.all(page.map(shown)), total: mine.length });
      },
    },
    {
      method: "post",
      path: "/v1/keys",
      async handle(exchange) {
        const { req, res } = exchange;
        const who = await manager(exchange);
        const fields = parse(KeyFields, (await readBody(req)).body);
        if (journal.failure()) throw journalDown();
        const { name } = fields;
        const accountId = Number(fields.account_id ?? fields.accountId);
        const terms = termsOf(fields, {}, clock.nowMs());
        const account = await payingAccount(who, accountId);
        const { key, text } = newKey(accountId, name, Math.floor(clock.nowMs()), terms);
        await journal.append({ kind: "key", key });
        accounts.refresh(account);
        keys.add(key);
        res.setHeader("cache-control", "no-store");
        const data = await shown(key);
        // As OpenRouter has it, and flat.
        sendJson(res, 201, { ...data, key: text, data });
      },
    },
    {
      method: "get",
      path: "/v1/keys/:id",
      async handle(exchange) {
        sendJson(exchange.res, 200, { data: await shown(await managed(exchange)) });
      },
    },
    {
      method: "patch",
      path: "/v1/keys/:id",
      async handle(exchange) {
        await managed(exchange);
        const fields = parse(KeyChanges, (await readBody(exchange.req)).body);
        // As it is now: reading took its time.
        const before = await managed(exchange);
        const terms = termsOf(fields, before, clock.nowMs());
        const key: ApiKey = { ...before, ...terms, name: fields.name ?? before.name };
        keys.add(key);
        try {
          await journal.append({ kind: "key", key });
        } catch (error) {
          if (keys.get(key.keyId) === key) keys.add(before);
          throw error;
        }
        sendJson(exchange.res, 200, { data: await shown(key) });
      },
    },
    {
      method: "delete",
      path: "/v1/keys/:id",
      async handle(exchange) {
        const key = await managed(exchange);
        const atMs = Math.floor(clock.nowMs());
        // Refused from now on, whatever the journal says.
        keys.add({ ...key, revokedAtMs: atMs });
        await journal.append({ kind: "keyRevoked", keyId: key.keyId, atMs });
        sendJson(exchange.res, 200, { id: key.keyId, deleted: true });
      },
    },
  ];
}
