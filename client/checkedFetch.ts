import { hexToBigInt, parseUnits, type Hex, type PublicClient } from "viem";
import { AnswerEvents, columnOf, isObject, receiptIn, type Fields } from "./answerEvents.ts";
import { ReceiptViolation, type Evidence } from "./evidence.ts";
import { requestHash, responseHash } from "./hashes.ts";
import type { Network } from "./network.ts";
import { sentOf, type Sent } from "./sentRequest.ts";
import { verifyReceipt } from "./verifyReceipt.ts";

export interface CheckedFetchOptions {
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** Is given every receipt, checked or not: keep what it is given until it has settled. */
  readonly keep?: (evidence: Evidence) => void;
}

const MOST_REMEMBERED = 100_000;
const TOKEN_DECIMALS = 18;

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

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
    const expected = responseHash(sent.path, bodies);
    if (!isFree && expected !== undefined && receipt.responseHash !== expected)
      fail("response", "the receipt is for another answer");
  }

  /** Of a comparison each column by itself. */
  async function checkAll(sent: readonly Sent[], bodies: readonly Fields[]): Promise<void> {
    const [only, ...more] = sent;
    if (only && more.length === 0) return check(only, bodies);
    for (const [column, asked] of sent.entries()) await check(asked, columnOf(bodies, column));
  }

  return async (input, init) => {
    const request = new Request(input, init);
    if (request.method !== "POST") return send(request);
    const isJson = /\bjson\b/.test(request.headers.get("content-type") ?? "");
    const sent = isJson ? await sentOf(request) : undefined;
    const response = await send(request);
    const type = response.headers.get("content-type") ?? "";
    const isPaid =
      sent &&
      response.ok &&
      /\/v1\/(?:chat\/|responses|completions|embeddings|images|audio|compare)/.test(request.url);
    if (!isPaid || !response.body) return response;
    if (type.includes("text/event-stream")) {
      const events = new AnswerEvents(sent.length);
      let isChecked = false;
      const end = async (): Promise<void> => {
        if (isChecked) return;
        isChecked = true;
        await checkAll(sent, events.bodies);
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
    if (type.includes("json")) await checkAll(sent, [JSON.parse(text) as Fields]);
    return new Response(text, response);
  };
}
