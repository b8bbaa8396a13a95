import { accountJson } from "../accountJson.ts";
import { authorizeOwner, authorizeWallet } from "../authorizeOwner.ts";
import { clientLimit } from "../clientLimit.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { readBody } from "../readBody.ts";
import type { Route } from "../route.ts";
import { parse, SignInFields } from "../schemas.ts";
import { invalidRequest } from "../../request/refusal.ts";

const SIGN_INS_PER_MINUTE = 30;

/** Signing in with a wallet, and the accounts that it owns. */
export function walletRoutes(deps: AppDeps): Route[] {
  const { sessions, finder } = deps;
  const limit = clientLimit(SIGN_INS_PER_MINUTE);
  return [
    {
      method: "get",
      path: "/v1/auth/siwe/nonce",
      handle({ res }) {
        const { nonce, chainId, expiresAtMs } = sessions.challenge();
        res.setHeader("cache-control", "no-store");
        sendJson(res, 200, { nonce, chain_id: chainId, expires_at: new Date(expiresAtMs).toISOString() });
      },
    },
    {
      method: "post",
      path: "/v1/auth/siwe",
      async handle({ req, res }) {
        await limit(req);
        const { message, signature } = parse(SignInFields, (await readBody(req)).body);
        const { token, session } = await sessions.open(message, signature);
        res.setHeader("cache-control", "no-store");
        sendJson(res, 201, {
          token,
          owner: session.owner,
          expires_at: new Date(session.expiresAtMs).toISOString(),
        });
      },
    },
    {
      method: "delete",
      path: "/v1/auth/siwe",
      async handle({ req, res }) {
        const session = await authorizeWallet(deps, req.headers.authorization);
        await sessions.end(session);
        sendJson(res, 200, { owner: session.owner, ended: true });
      },
    },
    {
      method: "get",
      path: "/v1/accounts",
      async handle({ req, res }) {
        const { owner } = await authorizeWallet(deps, req.headers.authorization);
        sendJson(res, 200, { data: (await finder.ofOwner(owner)).map(accountJson) });
      },
    },
    {
      method: "get",
      path: "/v1/accounts/:id",
      async handle({ req, res }) {
        const id = String(req.params["id"]);
        if (!/^[1-9]\d{0,9}$/.test(id)) throw invalidRequest("an account is named by its number", "id");
        const account = await authorizeOwner(deps, req.headers.authorization, Number(id));
        sendJson(res, 200, accountJson(account));
      },
    },
  ];
}
