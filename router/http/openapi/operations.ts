import type { z } from "zod";
import { ChatAnswer, EndpointsAnswer, GenerationAnswer, ModelsAnswer, ReceiptAnswer } from "./answers.ts";
import {
  AiFields,
  ChatFields,
  CompareFields,
  CompletionFields,
  DepositFields,
  EmbeddingsFields,
  EndpointFields,
  ExitFields,
  FeedbackFields,
  ImageFields,
  KeyChanges,
  KeyFields,
  ResponseFields,
  ReviewFields,
  SignInFields,
  SpeechFields,
  TermsFields,
  TopupFields,
} from "../schemas.ts";

/** Who may ask. */
type Auth = "key" | "admin" | "wallet" | "none";

interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly required?: boolean;
}

/** What the document says of a route, besides its path. */
export interface Operation {
  readonly summary: string;
  readonly tag: string;
  readonly auth: Auth;
  /** The very schema that checks the body. */
  readonly body?: z.ZodType;
  readonly query?: readonly Parameter[];
  /** What a JSON answer looks like; a test holds real ones against it. */
  readonly answer?: z.ZodType;
  readonly answers?: "json" | "json or events" | "bytes" | "text" | "html";
}

const infer = (
  summary: string,
  body: z.ZodType,
  answers: Operation["answers"] = "json or events",
): Operation => ({
  summary,
  tag: "inference",
  auth: "key",
  body,
  answers,
});
const read = (summary: string, tag: string, auth: Auth, query: readonly Parameter[] = []): Operation => ({
  summary,
  tag,
  auth,
  query,
});
const query = (name: string, description: string, required = false): Parameter => ({
  name,
  description,
  required,
});

/** By method and path. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "POST /v1/chat/completions": { ...infer("A chat, whole or as a stream", ChatFields), answer: ChatAnswer },
  "POST /v1/completions": infer("A text that goes on", CompletionFields),
  "POST /v1/responses": infer("OpenAI's Responses API, without its memory", ResponseFields),
  "POST /v1/embeddings": infer("Vectors of texts", EmbeddingsFields, "json"),
  "POST /v1/images/generations": infer("Images, billed by the image", ImageFields, "json"),
  "POST /v1/audio/speech": infer(
    "A text read aloud; the receipt follows in a trailer",
    SpeechFields,
    "bytes",
  ),
  "POST /v1/ai/request": infer("A task, for whichever model does it best", AiFields),
  "POST /v1/compare": infer("One prompt, several models side by side", CompareFields),

  "GET /v1/models": {
    ...read("Models that can be bought now", "market", "none", [
      query("unit", "token, image or second"),
      query("task", "what the model is for"),
      query("max_price", "$AI1NET per million output units, at most"),
      query("sort", "price, latency, throughput, uptime or requests"),
    ]),
    answer: ModelsAnswer,
  },
  "GET /v1/rankings": read("Models in order of one figure", "market", "none", [
    query("by", "requests, price, latency, throughput or uptime"),
    query("unit", "token, image or second"),
    query("task", "what the model is for"),
    query("max_price", "$AI1NET per million output units, at most"),
  ]),
  "GET /v1/providers": read("Providers, what backs them and how they have been doing", "market", "none"),
  "GET /v1/models/*name": read("One model", "market", "none"),
  "GET /v1/models/*name/endpoints": {
    ...read("A model's offers, with prices and how they have been doing", "market", "none"),
    answer: EndpointsAnswer,
  },
  "GET /v1/models/*name/reviews": read(
    "A model's latest reviews on chain, with their texts",
    "market",
    "none",
  ),
  "POST /v1/reviews": {
    summary: "A review with the proof of its row: what the owner has to sign, then relayed",
    tag: "market",
    auth: "key",
    body: ReviewFields,
  },
  "POST /v1/feedback": {
    summary: "What the caller thought of one of its requests; moves which model `auto` picks",
    tag: "market",
    auth: "key",
    body: FeedbackFields,
  },

  "GET /v1/credits": read("What the account has, holds and owes", "account", "key"),
  "GET /v1/key": read("The key itself: limit and use", "account", "key"),
  "GET /v1/activity": read("Use by day, model and key", "account", "key", [
    query("days", "how many days, today among them; at most 90"),
  ]),
  "GET /v1/keys": read("Keys of an account", "account", "admin"),
  "POST /v1/keys": {
    summary: "Makes a key; its secret is shown once",
    tag: "account",
    auth: "admin",
    body: KeyFields,
  },
  "GET /v1/keys/:id": read("One key", "account", "admin"),
  "PATCH /v1/keys/:id": { summary: "Changes a key's terms", tag: "account", auth: "admin", body: KeyChanges },
  "DELETE /v1/keys/:id": read("Revokes a key", "account", "admin"),

  "GET /v1/generation": {
    ...read("One past request", "receipts", "key", [query("id", "its id, gen-...", true)]),
    answer: GenerationAnswer,
  },
  "GET /v1/receipts/:id": {
    ...read("A signed receipt, by its own id or its request's", "receipts", "key"),
    answer: ReceiptAnswer,
  },
  "GET /v1/receipts/:id/proof": read("What proves a receipt's row on chain", "receipts", "key"),
  "GET /v1/ledger/batches/:id": read("A batch's rows and bytes", "receipts", "none"),

  "GET /v1/auth/siwe/nonce": read("A nonce to sign in with", "wallet", "none"),
  "POST /v1/auth/siwe": {
    summary: "Signs a wallet in (EIP-4361)",
    tag: "wallet",
    auth: "none",
    body: SignInFields,
  },
  "DELETE /v1/auth/siwe": read("Signs a wallet out", "wallet", "wallet"),
  "GET /v1/accounts": read("The wallet's accounts", "wallet", "wallet"),
  "GET /v1/accounts/:id": read("One account of the wallet", "wallet", "wallet"),
  "GET /v1/accounts/:id/exit": read("What an account has asked back", "wallet", "wallet"),
  "POST /v1/accounts/:id/exit": {
    summary: "The transaction that begins, ends or calls off an exit, for the owner to send",
    tag: "wallet",
    auth: "wallet",
    body: ExitFields,
  },
  "GET /v1/network": read("Chain, contracts and operator, for wallets", "wallet", "none"),
  "POST /v1/deposits/address": {
    summary: "An account's deposit address",
    tag: "wallet",
    auth: "none",
    body: TermsFields,
  },
  "POST /v1/deposits": {
    summary: "Relays a signed deposit",
    tag: "wallet",
    auth: "none",
    body: DepositFields,
  },
  "POST /v1/topup": { summary: "Buys an account by x402", tag: "wallet", auth: "none", body: TopupFields },

  "POST /v1/provider/endpoints": {
    summary: "Says where a listing is served, signed by its owner",
    tag: "providers",
    auth: "none",
    body: EndpointFields,
  },
  "GET /v1/provider/receipts": read(
    "A provider's receipts as a feed, by its endpoint's key",
    "providers",
    "key",
    [
      query("provider_id", "its id on chain", true),
      query("after_ms", "only those recorded after, unix ms"),
      query("limit", "at most so many"),
    ],
  ),

  "GET /healthz": read("Whether the process is alive", "operations", "none"),
  "GET /readyz": read("Whether it serves", "operations", "none"),
  "GET /metrics": { summary: "Figures for Prometheus", tag: "operations", auth: "none", answers: "text" },
  "GET /openapi.json": read("This document", "operations", "none"),
  "GET /docs": { summary: "This document, to read", tag: "operations", auth: "none", answers: "html" },
  "GET /docs/:file": { summary: "What the page needs", tag: "operations", auth: "none", answers: "bytes" },
};
