import { hexToBigInt, parseUnits, type Hex, type PublicClient } from "viem";
import { ReceiptViolation, type Evidence } from "./evidence.ts";
import { requestHash, responseHash } from "./hashes.ts";
import type { Network } from "./network.ts";
import { verifyReceipt } from "./verifyReceipt.ts";

export interface CheckedFetchOptions {
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** Is given every receipt, checked or not: keep what it is given until it has settled. */
  readonly keep?: (evidence: Evidence) => void;
}

type Fields = Readonly<Record<string, unknown>>;

/** A request as it went out. */
interface Sent {
  readonly url: string;
  readonly body: unknown;
  readonly payment: { readonly nonce: Hex; readonly valueWei: bigint } | undefined;
}

const MOST_REMEMBERED = 100_000;
const TOKEN_DECIMALS = 18;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** The payment of a request on the wallet rail, out of its x402 header. */
function paymentOf(headers: Headers): Sent["payment"] {
  const header = headers.get("payment-signature");
  if (header === null) return undefined;
  const { payload } = JSON.parse(atob(header)) as {
    payload: { authorization: { nonce: Hex; value: string } };
  };
  const { nonce, value } = payload.authorization;
  return { nonce, valueWei: BigInt(value) };
}

async function sentOf(request: Request): Promise<Sent> {
  const text = await request.clone().text();
  return {
    url: request.url,
    body: text === "" ? undefined : JSON.parse(text),
    payment: paymentOf(request.headers),
  };
}

/** Collects the JSON of server-sent events as their bytes pass by. */
class Events {
  readonly bodies: Fields[] = [];
  /** True once the end is here: the event with the receipt, or the mark after the last one. */
  isOver = false;
  #decoder = new TextDecoder();
  #rest = "";

  take(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const data = /^data: ?(.*?)\r?$/.exec(line)?.[1];
      if (data === "[DONE]") this.isOver = true;
      if (data?.startsWith("{") !== true) continue;
      const body = JSON.parse(data) as Fields;
      this.bodies.push(body);
      if (receiptIn(body) !== undefined) this.isOver = true;
    }
  }
}

/**
 * A `fetch` that checks what paid answers cost. Each must carry a receipt that a key of the operator's signed, priced by
 * the offer's own list, for this very request and this very answer, over no more than was charged and was authorized, and
 * no two for one number. A whole answer that fails is not returned; a stream is passed on as it comes, and breaks before
 * its end.
 *
 * To go inside of x402's wrapper: `wrapFetchWithPayment(checkedFetch(...), x402)`.
 * @throws {ReceiptViolation} from the call, or from reading the body
 */
export function checkedFetch(
  client: PublicClient,
  network: Network,
  { fetch: send = globalThis.fetch, keep = () => {} }: CheckedFetchOptions = {},
): typeof fetch {
  const seen = new Map<string, Evidence & { readonly digest: Hex }>();

  async function check(sent: Sent, bodies: readonly Fields[]): Promise<void> {
    if (bodies.some((body) => body["error"] !== undefined)) return;
    const last = bodies.findLast((body) => receiptIn(body) !== undefined);
    const bearer = last && (isObject(last["response"]) ? last["response"] : last);
    if (!bearer) throw new ReceiptViolation("missing", `${sent.url} answered without a receipt`);
    const usage = isObject(bearer["usage"]) ? bearer["usage"] : bearer;
    const { receipt, signature, digest } = await verifyReceipt(client, network, receiptIn(bearer));
    const chargedWei = BigInt(textOf(usage["cost_wei"]) ?? receipt.amount);
    const authorizedWei = sent.payment?.valueWei;
    const evidence: Evidence = {
      receipt,
      signature,
      chargedWei,
      authorizedWei,
      url: sent.url,
      atMs: Date.now(),
    };
    keep(evidence);
    const fail = (kind: ReceiptViolation["kind"], message: string, ...more: Evidence[]): never => {
      throw new ReceiptViolation(kind, message, [evidence, ...more]);
    };
    const number = `${receipt.operatorId}/${receipt.accountId}/${receipt.seq}`;
    const earlier = seen.get(number);
    if (earlier && earlier.digest !== digest)
      fail("equivocation", `two different receipts were signed for ${number}`, earlier);
    seen.set(number, { ...evidence, digest });
    if (seen.size > MOST_REMEMBERED) seen.delete(seen.keys().next().value as string);

    if (chargedWei !== receipt.amount)
      fail("charge", `the answer says ${chargedWei} wei, its receipt ${receipt.amount}`);
    const appFeeWei = parseUnits(textOf(usage["app_fee"]) ?? "0", TOKEN_DECIMALS);
    if (authorizedWei !== undefined && receipt.amount + appFeeWei > authorizedWei)
      fail("ceiling", `it costs ${receipt.amount + appFeeWei} wei, ${authorizedWei} were authorized`);
    if (receipt.requestHash !== requestHash(sent.body, sent.payment?.nonce))
      fail("request", "the receipt is for another request");
    // An answer with nothing in it costs nothing, and its receipt commits to nothing.
    const isFree = receipt.timing === 0 && hexToBigInt(receipt.responseHash) === 0n;
    const expected = responseHash(new URL(sent.url).pathname, bodies);
    if (!isFree && expected !== undefined && receipt.responseHash !== expected)
      fail("response", "the receipt is for another answer");
  }

  return async (input, init) => {
    const request = new Request(input, init);
    if (request.method !== "POST") return send(request);
    const isJson = /\bjson\b/.test(request.headers.get("content-type") ?? "");
    const sent = isJson ? await sentOf(request) : undefined;
    const response = await send(request);
    const type = response.headers.get("content-type") ?? "";
    const isPaid =
      sent && response.ok && /\/v1\/(?:chat\/|responses|completions|embeddings|images|audio)/.test(sent.url);
    if (!isPaid || !response.body) return response;
    if (type.includes("text/event-stream")) {
      const events = new Events();
      let isChecked = false;
      const end = async (): Promise<void> => {
        if (isChecked) return;
        isChecked = true;
        await check(sent, events.bodies);
      };
      const watched = response.body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          // Clients stop reading at the mark of the end, so the end passes only after the check.
          transform: async (bytes, controller) => {
            events.take(bytes);
            if (events.isOver) await end();
            controller.enqueue(bytes);
          },
          flush: end,
        }),
      );
      return new Response(watched, response);
    }
    const text = await response.text();
    if (type.includes("json")) await check(sent, [JSON.parse(text) as Fields]);
    return new Response(text, response);
  };
}

/** Where an answer or its last event has its receipt. */
function receiptIn(body: Fields): unknown {
  return body["receipt"] ?? (isObject(body["response"]) ? body["response"]["receipt"] : undefined);
}
