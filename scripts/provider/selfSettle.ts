/** Settles a provider's own receipts when the router did not, from the receipts that it kept. */
import { readFileSync } from "node:fs";
import { formatTokens } from "../../router/model/money.ts";
import { receiptId, type SignedReceipt } from "../../router/model/receipt.ts";
import { readReceipt } from "../audit/readReceipt.ts";
import { connect, type Connection } from "./connection.ts";

/** A transaction stays far below the gas limit of one. */
const MOST_AT_ONCE = 20;

export interface SelfSettleOptions {
  readonly dataDir: string;
  /** Receipts as the router's API gives them: a list, a page of `GET /v1/provider/receipts`, or one JSON a line. */
  readonly file: string;
  /** Only said, not sent, otherwise. */
  readonly send: boolean;
}

/** @throws {AuditError} for anything that is no receipt */
export function readReceipts(text: string): readonly SignedReceipt[] {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    return text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map(readReceipt);
  }
  const page = values as { data?: unknown } | null;
  const list = Array.isArray(values) ? values : Array.isArray(page?.data) ? page.data : [values];
  return list.map((value) => readReceipt(JSON.stringify(value)));
}

/** Why a receipt can't be settled now; undefined if it can. */
async function obstacle(
  { escrow, disputes }: Connection,
  { receipt }: SignedReceipt,
  nowSec: number,
): Promise<string | undefined> {
  if (receipt.amountWei === 0n) return "it costs nothing";
  if ((await escrow.account(receipt.accountId)).nextSeq > BigInt(receipt.seq)) return "the router settled it";
  if (await escrow.isSelfSettled(receipt.accountId, receipt.seq)) return "it was self-settled before";
  const opensAt = await disputes.settleBy(receipt.servedAtSec);
  const closesAt = opensAt + (await disputes.selfSettleWindow());
  if (nowSec <= opensAt) return `the router has until ${new Date(Number(opensAt) * 1000).toISOString()}`;
  if (nowSec > closesAt) return `it was too late from ${new Date(Number(closesAt) * 1000).toISOString()} on`;
  return undefined;
}

export async function selfSettle({ dataDir, file, send }: SelfSettleOptions): Promise<void> {
  const receipts = readReceipts(readFileSync(file, "utf8"));
  const connection = await connect(dataDir);
  try {
    const nowSec = (await connection.rpc.getBlock("latest"))?.timestamp ?? 0;
    const due: SignedReceipt[] = [];
    for (const signed of receipts) {
      const why = await obstacle(connection, signed, nowSec);
      if (why === undefined) due.push(signed);
      else console.log(`  ${receiptId(signed.receipt)}: ${why}`);
    }
    const sumWei = due.reduce((sum, { receipt }) => sum + receipt.amountWei, 0n);
    console.log(
      `${due.length} of ${receipts.length} receipts can be settled, ${formatTokens(sumWei)} $AI1NET less the fee`,
    );
    if (due.length === 0) return;
    if (!send) {
      console.log("  nothing was sent: add --yes to settle them");
      return;
    }
    for (let i = 0; i < due.length; i += MOST_AT_ONCE) {
      const part = due.slice(i, i + MOST_AT_ONCE);
      await settlePart(connection, part);
      console.log(`✔ ${i + part.length} of ${due.length} settled`);
    }
    console.log('  what they paid can be claimed after the challenge window: "npm run provider -- claim"');
  } finally {
    connection.close();
  }
}

async function settlePart({ disputes }: Connection, part: readonly SignedReceipt[]): Promise<void> {
  const structs = part.map(({ receipt: { amountWei, servedAtSec, ...fields } }) => ({
    ...fields,
    amount: amountWei,
    servedAt: servedAtSec,
  }));
  const signatures = part.map(({ signature }) => signature);
  await (await disputes.selfSettle(structs, signatures)).wait();
}
