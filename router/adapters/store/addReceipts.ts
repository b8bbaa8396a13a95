/** Rows of the receipts' table, and what they add to the days of their keys. */
import type { SignedReceipt } from "../../model/receipt.ts";
import type { RecordedOutcome } from "../../model/record.ts";
import type { Int, Sql } from "./sql.ts";

export type ReceiptRow = SignedReceipt & { readonly outcome: RecordedOutcome };

const DAY_MS = 86_400_000;

/** Each column, its type, and its value: bytes as hex digits. */
const COLUMNS: readonly (readonly [
  name: string,
  type: "bigint" | "integer" | "smallint" | "numeric" | "text" | "bytea",
  of: (row: ReceiptRow) => string | number,
])[] = [
  ["account_id", "bigint", ({ receipt }) => receipt.accountId],
  ["seq", "bigint", ({ receipt }) => receipt.seq],
  ["offer_id", "bigint", ({ receipt }) => receipt.offerId],
  ["app_id", "bigint", ({ receipt }) => receipt.appId],
  ["input_units", "integer", ({ receipt }) => receipt.inputUnits],
  ["output_units", "integer", ({ receipt }) => receipt.outputUnits],
  ["timing", "smallint", ({ receipt }) => receipt.timing],
  ["amount", "numeric", ({ receipt }) => receipt.amountWei.toString()],
  ["request_hash", "bytea", ({ receipt }) => receipt.requestHash.slice(2)],
  ["response_hash", "bytea", ({ receipt }) => receipt.responseHash.slice(2)],
  ["served_at", "bigint", ({ receipt }) => receipt.servedAtSec],
  ["signature", "bytea", ({ signature }) => signature.slice(2)],
  ["request_id", "text", ({ outcome }) => outcome.requestId],
  ["key_id", "text", ({ outcome }) => outcome.keyId],
  ["model", "text", ({ outcome }) => outcome.model],
  ["recorded_at_ms", "bigint", ({ outcome }) => outcome.recordedAtMs],
  ["app_fee", "numeric", (row) => appFeeWei(row).toString()],
  ["service", "text", (row) => (isLast(row) ? (row.outcome.service ?? "") : "")],
];
const NAMES = COLUMNS.map(([name]) => name).join(", ");

/** The row that served, if any did. */
function isLast({ outcome, receipt }: ReceiptRow): boolean {
  return receipt === outcome.receipts.at(-1)?.receipt;
}

/** The app's fee belongs to the row that served. */
function appFeeWei(row: ReceiptRow): bigint {
  return isLast(row) ? (row.outcome.appFeeWei ?? 0n) : 0n;
}

/**
 * Adds rows; those that are there already change nothing. Rows from their account's next number on can't be there: where
 * the driver can copy, they are copied.
 */
export async function addReceipts(sql: Sql, rows: readonly ReceiptRow[]): Promise<void> {
  if (!sql.copy) return insert(sql, rows);
  const ids = [...new Set(rows.map(({ receipt }) => receipt.accountId))];
  const known = await sql.rows<{ account_id: Int; next_seq: Int }>(
    "SELECT account_id, next_seq FROM accounts WHERE account_id = ANY ($1::bigint[])",
    [ids],
  );
  const nextSeqs = new Map(known.map((row) => [Number(row.account_id), Number(row.next_seq)]));
  const fresh: ReceiptRow[] = [];
  const others: ReceiptRow[] = [];
  for (const row of rows) {
    const { accountId, seq } = row.receipt;
    const isFresh = seq >= (nextSeqs.get(accountId) ?? 0);
    if (isFresh) nextSeqs.set(accountId, seq + 1);
    (isFresh ? fresh : others).push(row);
  }
  if (fresh.length > 0) {
    await sql.copy(`receipts (${NAMES})`, fresh.map(copyLine).join(""));
    await addToDays(sql, fresh);
  }
  if (others.length > 0) await insert(sql, others);
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** A row in COPY's text format. */
function copyLine(row: ReceiptRow): string {
  const fields = COLUMNS.map(([, type, of]) => {
    const value = of(row);
    if (type === "bytea") return `\\\\x${value}`;
    return typeof value === "string"
      ? value.replaceAll(/[\\\t\n\r]/g, (each) => String(ESCAPES[each]))
      : value;
  });
  return `${fields.join("\t")}\n`;
}

async function addToDays(sql: Sql, rows: readonly ReceiptRow[]): Promise<void> {
  const days = new Map<string, { keyId: string; day: number; spentWei: bigint }>();
  for (const row of rows) {
    const { keyId, recordedAtMs } = row.outcome;
    const costWei = row.receipt.amountWei + appFeeWei(row);
    if (costWei === 0n) continue;
    const day = Math.floor(recordedAtMs / DAY_MS);
    const name = `${keyId} ${day}`;
    days.set(name, { keyId, day, spentWei: (days.get(name)?.spentWei ?? 0n) + costWei });
  }
  const sums = [...days.values()];
  if (sums.length === 0) return;
  await sql.rows(
    `INSERT INTO key_days SELECT * FROM unnest($1::text[], $2::integer[], $3::numeric[]) ORDER BY 1, 2
     ON CONFLICT (key_id, day) DO UPDATE SET spent = key_days.spent + excluded.spent`,
    [sums.map(({ keyId }) => keyId), sums.map(({ day }) => day), sums.map((sum) => sum.spentWei.toString())],
  );
}

/**
 * An array as PostgreSQL writes it. One text per column instead of a value per row: that is what it costs to hand a
 * thousand rows to the store's thread.
 */
function arrayLiteral(items: readonly (string | number)[]): string {
  const texts = items.map((item) => {
    const isPlain = typeof item === "number" || (/^[\w.:/-]+$/.test(item) && !/^null$/i.test(item));
    return isPlain ? item : `"${item.replaceAll(/["\\]/g, "\\$&")}"`;
  });
  return `{${texts.join(",")}}`;
}

async function insert(sql: Sql, rows: readonly ReceiptRow[]): Promise<void> {
  const arrays = COLUMNS.map(([, type], i) => `$${i + 1}::${type === "bytea" ? "text" : type}[]`);
  const values = COLUMNS.map(([name, type]) => (type === "bytea" ? `decode(${name}, 'hex')` : name));
  // Only rows that are new count for their keys, so that nothing is counted twice.
  await sql.rows(
    `WITH added AS (
       INSERT INTO receipts (${NAMES})
       SELECT ${values.join(", ")} FROM unnest(${arrays.join(", ")}) AS new (${NAMES})
       ON CONFLICT DO NOTHING
       RETURNING key_id, recorded_at_ms, amount + app_fee AS cost)
     INSERT INTO key_days SELECT key_id, recorded_at_ms / ${DAY_MS}, sum(cost) FROM added WHERE cost > 0 GROUP BY 1, 2
       ORDER BY 1, 2
     ON CONFLICT (key_id, day) DO UPDATE SET spent = key_days.spent + excluded.spent`,
    COLUMNS.map(([, , of]) => arrayLiteral(rows.map(of))),
  );
}
