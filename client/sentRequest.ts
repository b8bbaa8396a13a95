import type { Hex } from "viem";

/** The payment that a wallet authorized. */
interface SentPayment {
  readonly nonce: Hex;
  readonly valueWei: bigint;
}

/** What was asked, as its receipt commits to it. */
export interface Sent {
  readonly url: string;
  /** Whose answer it is: of a comparison's column that of a chat. */
  readonly path: string;
  readonly body: unknown;
  /** Undefined with an API key. */
  readonly payment: SentPayment | undefined;
}

const COMPARE = /\/v1\/compare$/;

/** The payments in an x402 header: one, or one per column. */
function paymentsIn(headers: Headers): SentPayment[] {
  const header = headers.get("payment-signature");
  if (header === null) return [];
  return header.split(",").map((item) => {
    const { payload } = JSON.parse(atob(item.trim())) as {
      payload: { authorization: { nonce: Hex; value: string } };
    };
    const { nonce, value } = payload.authorization;
    return { nonce, valueWei: BigInt(value) };
  });
}

/** What a request asks: one thing, or as many as a comparison has columns. */
export async function sentOf(request: Request): Promise<readonly Sent[]> {
  const text = await request.clone().text();
  const body: unknown = text === "" ? undefined : JSON.parse(text);
  const payments = paymentsIn(request.headers);
  const { url } = request;
  const { pathname } = new URL(url);
  const models = COMPARE.test(pathname) ? modelsIn(body) : undefined;
  if (!models) return [{ url, path: pathname, body, payment: payments[0] }];
  const { models: _, ...common } = body as Record<string, unknown>;
  const path = pathname.replace(COMPARE, "/v1/chat/completions");
  return models.map((model, column) => ({
    url,
    path,
    body: { ...common, model },
    payment: payments[column],
  }));
}

/** The models that a comparison's body names. */
export function modelsIn(body: unknown): readonly unknown[] | undefined {
  const models = typeof body === "object" && body !== null && "models" in body ? body.models : undefined;
  return Array.isArray(models) ? models : undefined;
}
