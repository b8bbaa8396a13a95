import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { toHex, type Hex } from "../model/bytes.ts";
import type { Session } from "../model/session.ts";
import type { Clock, Journal, SignIn, Store } from "../ports.ts";
import { journalDown, Refusal } from "../request/refusal.ts";

export interface SessionsOptions {
  readonly journal: Journal;
  readonly store: Pick<Store, "session">;
  readonly signIn: SignIn;
  readonly clock: Clock;
  readonly chainId: number;
  /** Says which sites may ask their visitors to sign in here: `host` or `host:port` of the page. */
  readonly allowsDomain: (domain: string) => boolean;
  /** Secret of the operator's; all of its routers have the same. */
  readonly secret: string;
}

const NONCE_LIFE_MS = 5 * 60_000;
/** Clocks of wallets may differ from ours by so much. */
const CLOCK_SKEW_MS = 60_000;
const SESSION_MS = 24 * 3_600_000;
const TOKEN_FORMAT = /^Bearer +(ses-ai1-[A-Za-z0-9_-]{43})$/i;
const NONCE_FORMAT = /^([0-9a-f]{12})([0-9a-f]{32})([0-9a-f]{32})$/;

const hashOf = (token: string): Hex => toHex(createHash("sha256").update(token).digest());

/** @returns 401, saying what to do */
function denied(message: string, reason: string): Refusal {
  return new Refusal(401, "authentication", message, {
    metadata: { reason },
    headers: { "www-authenticate": "Bearer" },
    shouldRetry: false,
  });
}

/**
 * Sign-in with a wallet (EIP-4361), and what comes of it. A nonce carries its own time and seal, so that handing one out
 * costs no memory, and any of the operator's routers takes it; a session that was opened with it keeps it from opening
 * another.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #nonceKey: Buffer;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#nonceKey = createHmac("sha256", options.secret).update("AI1NET sign-in nonce").digest();
  }

  /** What a message to be signed needs, apart from the address. */
  challenge(): { readonly nonce: string; readonly chainId: number; readonly expiresAtMs: number } {
    const nowMs = Math.floor(this.#options.clock.nowMs());
    const body = nowMs.toString(16).padStart(12, "0") + randomBytes(16).toString("hex");
    return {
      nonce: body + this.#seal(body),
      chainId: this.#options.chainId,
      expiresAtMs: nowMs + NONCE_LIFE_MS,
    };
  }

  /** Opens a session; the token is known to nobody else from here on. @throws {Refusal} */
  async open(text: string, signature: Hex): Promise<{ readonly token: string; readonly session: Session }> {
    const { journal, store, signIn, clock } = this.#options;
    const message = signIn.read(text);
    if (!message)
      throw new Refusal(400, "invalid_request", "message: is no EIP-4361 sign-in message", {
        param: "message",
        shouldRetry: false,
      });
    const nowMs = Math.floor(clock.nowMs());
    this.#check(message, nowMs);
    if (!(await signIn.isSignedBy(message.address, text, signature)))
      throw denied(`the signature is not that of ${message.address}`, "signature");
    if (journal.failure()) throw journalDown();
    const token = `ses-ai1-${randomBytes(32).toString("base64url")}`;
    const session: Session = {
      tokenHash: hashOf(token),
      owner: message.address.toLowerCase() as Hex,
      nonce: message.nonce,
      createdAtMs: nowMs,
      expiresAtMs: Math.min(nowMs + SESSION_MS, message.expiresAtMs ?? Infinity),
    };
    await journal.append({ kind: "session", session });
    // Of two with one nonce, at whichever router, only the first is there.
    if (!(await store.session(session.tokenHash)))
      throw denied("this nonce was used before: get a new one from /v1/auth/siwe/nonce", "nonce_used");
    return { token, session };
  }

  /** The session in an `Authorization` header; undefined unless it is open. */
  async find(authorization: string | undefined): Promise<Session | undefined> {
    const token = TOKEN_FORMAT.exec(authorization ?? "")?.[1];
    const session = token === undefined ? undefined : await this.#options.store.session(hashOf(token));
    return session && session.expiresAtMs > this.#options.clock.nowMs() ? session : undefined;
  }

  async end(session: Session): Promise<void> {
    const { journal, clock } = this.#options;
    const atMs = Math.floor(clock.nowMs());
    await journal.append({ kind: "sessionEnded", tokenHash: session.tokenHash, atMs });
  }

  #seal(body: string): string {
    return createHmac("sha256", this.#nonceKey).update(body).digest("hex").slice(0, 32);
  }

  /** Everything about a message but its signature. @throws {Refusal} */
  #check(message: NonNullable<ReturnType<SignIn["read"]>>, nowMs: number): void {
    const { allowsDomain, chainId } = this.#options;
    if (!allowsDomain(message.domain.toLowerCase()))
      throw denied(`this router takes no sign-in from the site ${message.domain}`, "domain");
    if (message.chainId !== chainId)
      throw denied(`the message is for chain ${message.chainId}, this router is on ${chainId}`, "chain_id");
    const [, time = "", random = "", seal = ""] = NONCE_FORMAT.exec(message.nonce) ?? [];
    const isOurs = seal !== "" && timingSafeEqual(Buffer.from(seal), Buffer.from(this.#seal(time + random)));
    if (!isOurs) throw denied("the nonce is not of this router: GET /v1/auth/siwe/nonce", "nonce");
    const givenAtMs = Number.parseInt(time, 16);
    if (nowMs > givenAtMs + NONCE_LIFE_MS || message.issuedAtMs < givenAtMs - CLOCK_SKEW_MS - NONCE_LIFE_MS)
      throw denied("the nonce has expired: get a new one from /v1/auth/siwe/nonce", "nonce_expired");
    if (message.issuedAtMs > nowMs + CLOCK_SKEW_MS)
      throw denied("the message is from the future", "issued_at");
    if ((message.notBeforeMs ?? 0) > nowMs) throw denied("the message is not valid yet", "not_before");
    if ((message.expiresAtMs ?? Infinity) <= nowMs) throw denied("the message has expired", "expired");
  }
}
