import { modelsIn } from "./sentRequest.ts";

/** One of the payments that a 402 asks for (x402 v2). */
interface Asked {
  readonly extra?: Readonly<Record<string, unknown>>;
}

interface PaymentRequiredJson {
  readonly accepts: readonly Asked[];
}

/** What signs: `x402Client` of `@x402/core`, with the schemes and spending limits that you gave it. */
export interface PaymentMaker {
  createPaymentPayload(required: PaymentRequiredJson): Promise<object>;
}

const encode = (value: object): string =>
  btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))));
const decode = (text: string): unknown =>
  JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (char) => char.charCodeAt(0))));

/**
 * A `fetch` that pays what a 402 asks for, once. Stock x402 wrappers sign one payment a request; `/v1/compare` takes one per
 * column, since on chain each answers for one row. This signs all of them, each within your client's limits, and no more than
 * the request has models. In the place of x402's wrapper: `payPerColumn(x402, { fetch: checkedFetch(...) })`.
 * @throws {Error} when more is asked for than the request has columns, or what the client throws
 */
export function payPerColumn(
  client: PaymentMaker,
  { fetch: send = globalThis.fetch }: { readonly fetch?: typeof fetch } = {},
): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const paid = request.clone();
    const response = await send(request);
    const header = response.headers.get("payment-required");
    if (response.status !== 402 || header === null || request.headers.has("payment-signature"))
      return response;
    const required = decode(header) as PaymentRequiredJson;
    const isPerColumn = required.accepts.some(({ extra }) => extra?.["column"] !== undefined);
    if (isPerColumn) await checkColumns(required, paid);
    await response.body?.cancel();
    const payments: string[] = [];
    for (const accepts of isPerColumn ? required.accepts.map((each) => [each]) : [required.accepts])
      payments.push(encode(await client.createPaymentPayload({ ...required, accepts })));
    paid.headers.set("payment-signature", payments.join(","));
    return send(paid);
  };
}

async function checkColumns({ accepts }: PaymentRequiredJson, request: Request): Promise<void> {
  const columns = modelsIn(await request.clone().json())?.length ?? 0;
  const isInOrder = accepts.every(({ extra }, column) => extra?.["column"] === column);
  if (accepts.length !== columns || !isInOrder)
    throw new Error(`${accepts.length} payments are asked for a comparison of ${columns} models`);
}
