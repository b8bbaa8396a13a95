import type { BuiltBatch, Fact, JournalRecord, RecordedOutcome } from "../../model/record.ts";
import { MOST_SESSIONS, type Session } from "../../model/session.ts";
import { termsToText } from "../journal/recordText.ts";
import { addReceipts } from "./addReceipts.ts";
import { applyFeedback, applyReviewText } from "./opinionTables.ts";
import type { Sql } from "./sql.ts";

/** The channel on which routers of one database hear of each other's facts, when a transaction commits. */
export const NOTICES = "ai1net";

function noticeOf(fact: Fact): string | undefined {
  if (fact.kind === "key") return `key ${fact.key.keyId}`;
  if (fact.kind === "keyRevoked") return `key ${fact.keyId}`;
  if (fact.kind === "feedback") return `feedback ${fact.feedback.accountId}-${fact.feedback.seq}`;
  if (fact.kind === "endpoint") return `endpoint ${fact.endpoint.listingId}`;
  return undefined;
}

/** Writes journal records into the tables, in order. Writing one twice changes nothing. */
export async function applyRecords(sql: Sql, records: readonly JournalRecord[]): Promise<void> {
  const outcomes = records.flatMap((record) => (record.kind === "outcome" ? [record.outcome] : []));
  if (outcomes.length > 0) await applyOutcomes(sql, outcomes);
  for (const record of records) {
    if (record.kind === "outcome") continue;
    await applyFact(sql, record);
    const notice = noticeOf(record);
    if (notice !== undefined) await sql.rows("SELECT pg_notify($1, $2)", [NOTICES, notice]);
  }
}

/** Receipts come in order of each account's sequence. */
async function applyOutcomes(sql: Sql, outcomes: readonly RecordedOutcome[]): Promise<void> {
  const rows = outcomes.flatMap((outcome) => outcome.receipts.map((signed) => ({ outcome, ...signed })));
  await addReceipts(sql, rows);
  await applyPayments(sql, outcomes);
  // A name that has expired may be used again: the later one counts.
  const named = [...new Map(outcomes.map((outcome) => [outcome.name, outcome])).values()].filter(
    ({ name }) => name !== undefined,
  );
  if (named.length > 0)
    await sql.rows(
      `INSERT INTO served_names SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
       ON CONFLICT (name) DO UPDATE SET request_id = excluded.request_id, recorded_at_ms = excluded.recorded_at_ms
       WHERE excluded.recorded_at_ms > served_names.recorded_at_ms`,
      [
        named.map(({ name }) => name),
        named.map(({ requestId }) => requestId),
        named.map(({ recordedAtMs }) => recordedAtMs),
      ],
    );
  const spans = new Map<number, { first: number; next: number }>();
  for (const { receipt } of rows) {
    const first = spans.get(receipt.accountId)?.first ?? receipt.seq;
    spans.set(receipt.accountId, { first, next: receipt.seq + 1 });
  }
  await sql.rows(
    `INSERT INTO accounts (account_id, opened_seq, next_seq) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
     ON CONFLICT (account_id) DO UPDATE SET next_seq = greatest(accounts.next_seq, excluded.next_seq)`,
    [
      [...spans.keys()],
      [...spans.values()].map(({ first }) => first),
      [...spans.values()].map(({ next }) => next),
    ],
  );
}

async function applyFact(sql: Sql, fact: Fact): Promise<void> {
  switch (fact.kind) {
    case "key": {
      const { keyId, accountId, name, secretHash, createdAtMs, revokedAtMs, ...terms } = fact.key;
      await sql.rows(
        `INSERT INTO api_keys (key_id, account_id, name, secret_hash, created_at_ms, revoked_at_ms, terms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (key_id) DO UPDATE SET name = excluded.name, terms = excluded.terms`,
        [keyId, accountId, name, secretHash, createdAtMs, revokedAtMs ?? null, termsToText(terms)],
      );
      return;
    }
    case "keyRevoked":
      await sql.rows("UPDATE api_keys SET revoked_at_ms = $2 WHERE key_id = $1 AND revoked_at_ms IS NULL", [
        fact.keyId,
        fact.atMs,
      ]);
      return;
    case "keyDays":
      await sql.rows(
        `INSERT INTO key_days SELECT * FROM unnest($1::text[], $2::integer[], $3::numeric[])
         ON CONFLICT (key_id, day) DO UPDATE SET spent = key_days.spent + excluded.spent`,
        [
          fact.days.map(({ keyId }) => keyId),
          fact.days.map(({ day }) => day),
          fact.days.map(({ spentWei }) => spentWei.toString()),
        ],
      );
      return;
    case "feedback":
      await applyFeedback(sql, fact.feedback);
      return;
    case "reviewText":
      await applyReviewText(sql, fact.textHash, fact.text);
      return;
    case "session":
      await applySession(sql, fact.session);
      return;
    case "sessionEnded":
      await sql.rows("UPDATE sessions SET ended_at_ms = $2 WHERE token_hash = $1 AND ended_at_ms IS NULL", [
        fact.tokenHash,
        fact.atMs,
      ]);
      return;
    case "endpoint": {
      const {
        listingId,
        baseUrl,
        upstreamModel,
        apiKey,
        maxOutputUnits,
        contextUnits,
        issuedAtSec,
        ...claims
      } = fact.endpoint;
      await sql.rows(
        `INSERT INTO endpoints VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (listing_id) DO UPDATE SET base_url = $2, upstream_model = $3, api_key = $4,
           max_output_units = $5, context_units = $6, issued_at = $7, claims = $8
         WHERE endpoints.issued_at < $7`,
        [
          listingId,
          baseUrl,
          upstreamModel,
          apiKey ?? null,
          maxOutputUnits,
          contextUnits,
          issuedAtSec,
          JSON.stringify(claims),
        ],
      );
      return;
    }
    case "batch":
      await applyBatch(sql, fact.batch);
      return;
    case "batchDropped":
      await sql.rows("DELETE FROM batches WHERE batch_no = $1 AND commitment = $2", [
        fact.batchNo,
        fact.commitment,
      ]);
      return;
    case "tailAccepted":
      await sql.rows("UPDATE accounts SET next_seq = greatest(next_seq, $2) WHERE account_id = $1", [
        fact.accountId,
        fact.nextSeq,
      ]);
      return;
  }
}

async function applyBatch(sql: Sql, batch: BuiltBatch): Promise<void> {
  await sql.rows(
    `INSERT INTO batches (batch_no, bytes, commitment, built_at_ms) VALUES ($1, decode($2, 'hex'), $3, $4)
     ON CONFLICT DO NOTHING`,
    [batch.batchNo, batch.bytes.slice(2), batch.commitment, batch.builtAtMs],
  );
  await sql.rows(
    `INSERT INTO batch_slices
     SELECT $1, position - 1, account_id, start_seq, count
     FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) WITH ORDINALITY
       AS new (account_id, start_seq, count, position)
     ON CONFLICT DO NOTHING`,
    [
      batch.batchNo,
      batch.slices.map((slice) => slice.accountId),
      batch.slices.map((slice) => slice.startSeq),
      batch.slices.map((slice) => slice.count),
    ],
  );
}

/** A nonce that was used opens nothing. Sessions that have expired go, as do an owner's beyond the newest ones. */
async function applySession(sql: Sql, session: Session): Promise<void> {
  const { tokenHash, owner, nonce, createdAtMs, expiresAtMs } = session;
  await sql.rows("DELETE FROM sessions WHERE expires_at_ms < $1", [createdAtMs]);
  await sql.rows("INSERT INTO sessions VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", [
    tokenHash,
    owner,
    nonce,
    createdAtMs,
    expiresAtMs,
  ]);
  await sql.rows(
    `UPDATE sessions SET ended_at_ms = $2 WHERE ended_at_ms IS NULL AND token_hash IN (
       SELECT token_hash FROM sessions WHERE owner = $1 AND ended_at_ms IS NULL
       ORDER BY created_at_ms DESC, token_hash OFFSET $3)`,
    [owner, createdAtMs, MOST_SESSIONS],
  );
}

/** The wallets' authorizations, by the rows that they pay for. */
async function applyPayments(sql: Sql, outcomes: readonly RecordedOutcome[]): Promise<void> {
  const paid = outcomes.flatMap(({ payment, receipts }) => {
    const receipt = receipts.at(-1)?.receipt;
    return payment && receipt ? [{ ...payment, ...receipt, signature: payment.signature }] : [];
  });
  if (paid.length === 0) return;
  await sql.rows(
    `INSERT INTO payments (account_id, seq, sender, recipient, value, valid_after, valid_before, nonce, signature)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::numeric[], $6::bigint[], $7::bigint[],
       $8::text[], $9::text[])
     ON CONFLICT DO NOTHING`,
    [
      paid.map(({ accountId }) => accountId),
      paid.map(({ seq }) => seq),
      paid.map(({ from }) => from),
      paid.map(({ to }) => to),
      paid.map(({ valueWei }) => valueWei.toString()),
      paid.map(({ validAfterSec }) => validAfterSec),
      paid.map(({ validBeforeSec }) => validBeforeSec),
      paid.map(({ nonce }) => nonce),
      paid.map(({ signature }) => signature),
    ],
  );
}
