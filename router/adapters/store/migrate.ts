/** The schema, in versions; the same for PGlite and for PostgreSQL. */
import type { JournalIdentity } from "../journal/segments.ts";
import type { Database, Sql } from "./sql.ts";

/** The database belongs to another deployment. */
export class ForeignDatabase extends Error {
  override readonly name = "ForeignDatabase";
}

/** Each runs once, in order, and is never edited. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    // One row per attempt: what belongs to the outcome is repeated, since nearly all have one attempt.
    `CREATE TABLE receipts (
      account_id bigint NOT NULL,
      seq bigint NOT NULL,
      offer_id bigint NOT NULL,
      app_id bigint NOT NULL,
      input_units integer NOT NULL,
      output_units integer NOT NULL,
      timing smallint NOT NULL,
      amount numeric(78, 0) NOT NULL,
      request_hash bytea NOT NULL,
      response_hash bytea NOT NULL,
      served_at bigint NOT NULL,
      signature bytea NOT NULL,
      request_id text NOT NULL,
      key_id text NOT NULL,
      model text NOT NULL,
      recorded_at_ms bigint NOT NULL,
      PRIMARY KEY (account_id, seq)
    )`,
    `CREATE INDEX receipts_request ON receipts (request_id)`,
    `CREATE INDEX receipts_offer ON receipts (offer_id, recorded_at_ms)`,
    // With PostgreSQL these are the counters themselves; with a journal file, a summary.
    `CREATE TABLE accounts (
      account_id bigint PRIMARY KEY,
      opened_seq bigint NOT NULL,
      next_seq bigint NOT NULL
    )`,
    `CREATE TABLE api_keys (
      key_id text PRIMARY KEY,
      account_id bigint NOT NULL,
      name text NOT NULL,
      secret_hash text NOT NULL,
      created_at_ms bigint NOT NULL,
      revoked_at_ms bigint
    )`,
    `CREATE TABLE endpoints (
      listing_id bigint PRIMARY KEY,
      base_url text NOT NULL,
      upstream_model text NOT NULL,
      api_key text,
      max_output_units integer NOT NULL,
      context_units integer NOT NULL,
      issued_at bigint NOT NULL
    )`,
    `CREATE TABLE batches (
      batch_no bigint PRIMARY KEY,
      bytes bytea NOT NULL,
      commitment text NOT NULL,
      built_at_ms bigint NOT NULL,
      state text NOT NULL DEFAULT 'built' CHECK (state IN ('built', 'sent', 'mined', 'final')),
      tx_hash text,
      block_number bigint
    )`,
    `CREATE INDEX batches_open ON batches (batch_no) WHERE state <> 'final'`,
    `CREATE TABLE batch_slices (
      batch_no bigint NOT NULL REFERENCES batches ON DELETE CASCADE,
      position integer NOT NULL,
      account_id bigint NOT NULL,
      start_seq bigint NOT NULL,
      count integer NOT NULL,
      PRIMARY KEY (batch_no, position)
    )`,
    `CREATE INDEX batch_slices_rows ON batch_slices (account_id, start_seq)`,
    `CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL)`,
  ],
  [
    `CREATE TABLE sessions (
      token_hash text PRIMARY KEY,
      owner text NOT NULL,
      nonce text NOT NULL UNIQUE,
      created_at_ms bigint NOT NULL,
      expires_at_ms bigint NOT NULL,
      ended_at_ms bigint
    )`,
    `CREATE INDEX sessions_owner ON sessions (owner, created_at_ms)`,
    `CREATE INDEX sessions_expiry ON sessions (expires_at_ms)`,
  ],
  [
    // On the row that was paid: the most that the app takes on top.
    `ALTER TABLE receipts ADD COLUMN app_fee numeric(78, 0) NOT NULL DEFAULT 0`,
    // What a key may do, as the journal's JSON: read as a whole, never searched.
    `ALTER TABLE api_keys ADD COLUMN terms text NOT NULL DEFAULT '{}'`,
    // What a key has spent on a day (since 1970, in UTC). It outlives the receipts that it sums up.
    `CREATE TABLE key_days (
      key_id text NOT NULL,
      day integer NOT NULL,
      spent numeric(78, 0) NOT NULL,
      PRIMARY KEY (key_id, day)
    )`,
    `INSERT INTO key_days SELECT key_id, recorded_at_ms / 86400000, sum(amount) FROM receipts
     WHERE amount > 0 GROUP BY 1, 2`,
    `CREATE INDEX api_keys_account ON api_keys (account_id)`,
  ],
  [
    // Requests with an Idempotency-Key that were paid for.
    `CREATE TABLE served_names (
      name text PRIMARY KEY,
      request_id text NOT NULL,
      recorded_at_ms bigint NOT NULL
    )`,
    `CREATE INDEX served_names_age ON served_names (recorded_at_ms)`,
  ],
  [
    // What an endpoint says of itself, as JSON: read as a whole, never searched.
    `ALTER TABLE endpoints ADD COLUMN claims text NOT NULL DEFAULT '{}'`,
  ],
  [
    // Rows below are on chain for good. It outlives the batches that say so.
    `ALTER TABLE accounts ADD COLUMN final_seq bigint NOT NULL DEFAULT 0`,
  ],
  [
    // What wallets signed for their rows, to be shown when one is challenged.
    `CREATE TABLE payments (
      account_id bigint NOT NULL,
      seq bigint NOT NULL,
      sender text NOT NULL,
      recipient text NOT NULL,
      value numeric(78, 0) NOT NULL,
      valid_after bigint NOT NULL,
      valid_before bigint NOT NULL,
      nonce text NOT NULL,
      signature text NOT NULL,
      PRIMARY KEY (account_id, seq)
    )`,
    `CREATE INDEX payments_valid ON payments (valid_before)`,
    // Of requests under way as well, where several routers take payments.
    `CREATE TABLE payment_nonces (
      account_id bigint NOT NULL,
      nonce text NOT NULL,
      valid_before bigint NOT NULL,
      PRIMARY KEY (account_id, nonce)
    )`,
  ],
  [
    // What each router may spend of an account's money or a key's limit. With a journal file there are none.
    `CREATE TABLE leases (
      subject text NOT NULL,
      holder text NOT NULL,
      amount numeric(78, 0) NOT NULL CHECK (amount >= 0),
      held numeric(78, 0) NOT NULL DEFAULT 0,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (subject, holder)
    )`,
  ],
  [
    // As rate-limiter-flexible has it. With a journal file it stays empty.
    `CREATE TABLE rate_windows (key varchar(255) PRIMARY KEY, points integer NOT NULL DEFAULT 0, expire bigint)`,
  ],
  [
    // When a batch was first seen to be final: its rows can be challenged for a while from its settlement on.
    `ALTER TABLE batches ADD COLUMN final_at_ms bigint`,
    `UPDATE batches SET final_at_ms = extract(epoch FROM now()) * 1000 WHERE state = 'final'`,
  ],
  [
    // What payers thought of their requests: one word a row.
    `CREATE TABLE feedback (
      account_id bigint NOT NULL,
      seq bigint NOT NULL,
      owner text NOT NULL,
      listing_id bigint NOT NULL,
      model_id bigint NOT NULL,
      task text,
      rating smallint NOT NULL,
      at_ms bigint NOT NULL,
      PRIMARY KEY (account_id, seq)
    )`,
    `CREATE INDEX feedback_age ON feedback (at_ms)`,
    `CREATE TABLE review_texts (text_hash text PRIMARY KEY, text text NOT NULL)`,
  ],
  [
    // On the row that was served: how, in a few characters that nobody searches.
    `ALTER TABLE receipts ADD COLUMN service text NOT NULL DEFAULT ''`,
  ],
];

/** Any two routers agree on this number, so that one migrates and the others wait. */
const MIGRATION_LOCK = 4_170_001;

/**
 * Brings the schema up to date, in one transaction.
 * @throws {ForeignDatabase}
 */
export async function migrate(database: Database, identity: JournalIdentity): Promise<void> {
  await database.transaction(async (sql) => {
    await sql.rows("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
    await sql.rows("CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY)");
    const [row] = await sql.rows<{ version: number | null }>(
      "SELECT max(version) AS version FROM schema_version",
    );
    const version = row?.version ?? 0;
    if (version > MIGRATIONS.length) {
      throw new Error(
        `the database has schema version ${version}; this router knows ${MIGRATIONS.length}: it is too old`,
      );
    }
    for (const [index, statements] of MIGRATIONS.entries()) {
      if (index < version) continue;
      for (const statement of statements) await sql.rows(statement);
      await sql.rows("INSERT INTO schema_version (version) VALUES ($1)", [index + 1]);
    }
    await claim(sql, identity);
  });
}

async function claim(sql: Sql, identity: JournalIdentity): Promise<void> {
  const name = `operator ${identity.operatorId} on chain ${identity.chainId}, Ledger ${identity.ledger.toLowerCase()}`;
  await sql.rows("INSERT INTO meta (key, value) VALUES ('identity', $1) ON CONFLICT DO NOTHING", [name]);
  const [row] = await sql.rows<{ value: string }>("SELECT value FROM meta WHERE key = 'identity'");
  if (row?.value !== name) {
    throw new ForeignDatabase(`the database is that of ${row?.value}; this router is ${name}`);
  }
}
