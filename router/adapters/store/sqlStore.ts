import type { Hex } from "../../model/bytes.ts";
import type { ApiKey, BatchSlice, Endpoint } from "../../model/record.ts";
import type { BatchState, EndpointClaims, Store, StoredBatch, StoredReceipt } from "../../ports.ts";
import { termsFromText } from "../journal/recordText.ts";
import { opinionQueries } from "./opinionTables.ts";
import type { Int, Sql } from "./sql.ts";

/** Retries come soon: further back nobody looks. */
const LATEST_ROWS = 5_000;

interface ReceiptRow {
  account_id: Int;
  seq: Int;
  offer_id: Int;
  app_id: Int;
  input_units: number;
  output_units: number;
  timing: number;
  amount: string;
  request_hash: string;
  response_hash: string;
  served_at: Int;
  signature: string;
  request_id: string;
  key_id: string;
  model: string;
  recorded_at_ms: Int;
  service: string;
}

interface KeyRow {
  key_id: string;
  account_id: Int;
  name: string;
  secret_hash: Hex;
  created_at_ms: Int;
  revoked_at_ms: Int | null;
  terms: string;
}

interface BatchRow {
  batch_no: Int;
  bytes: string;
  commitment: Hex;
  built_at_ms: Int;
  state: BatchState;
  tx_hash: Hex | null;
  block_number: Int | null;
}

const RECEIPTS = `SELECT account_id, seq, offer_id, app_id, input_units, output_units, timing, amount::text AS amount,
  encode(request_hash, 'hex') AS request_hash, encode(response_hash, 'hex') AS response_hash, served_at,
  encode(signature, 'hex') AS signature, request_id, key_id, model, recorded_at_ms, service FROM receipts`;

const KEYS = `SELECT key_id, account_id, name, secret_hash, created_at_ms, revoked_at_ms, terms FROM api_keys`;

const keyOf = (row: KeyRow): ApiKey => ({
  keyId: row.key_id,
  accountId: Number(row.account_id),
  name: row.name,
  secretHash: row.secret_hash,
  createdAtMs: Number(row.created_at_ms),
  ...(row.revoked_at_ms !== null && { revokedAtMs: Number(row.revoked_at_ms) }),
  ...termsFromText(row.terms),
});

const BATCHES = `SELECT batch_no, encode(bytes, 'hex') AS bytes, commitment, built_at_ms, state, tx_hash, block_number
  FROM batches`;

/**
 * The store's queries.
 * @param current resolves once everything that the journal has resolved is in the tables
 */
export function sqlStore(sql: Sql, operatorId: number, current: () => Promise<void>): Store {
  const rows = async <T>(text: string, values: readonly unknown[] = []): Promise<T[]> => {
    await current();
    return sql.rows<T>(text, values);
  };

  const stored = (row: ReceiptRow): StoredReceipt => ({
    receipt: {
      operatorId,
      accountId: Number(row.account_id),
      seq: Number(row.seq),
      offerId: Number(row.offer_id),
      appId: Number(row.app_id),
      inputUnits: row.input_units,
      outputUnits: row.output_units,
      timing: row.timing,
      amountWei: BigInt(row.amount),
      requestHash: `0x${row.request_hash}`,
      responseHash: `0x${row.response_hash}`,
      servedAtSec: Number(row.served_at),
    },
    signature: `0x${row.signature}`,
    requestId: row.request_id,
    keyId: row.key_id,
    model: row.model,
    recordedAtMs: Number(row.recorded_at_ms),
    ...(row.service !== "" && { service: row.service }),
  });
  const receipts = async (where: string, values: readonly unknown[]): Promise<StoredReceipt[]> =>
    (await rows<ReceiptRow>(`${RECEIPTS} ${where}`, values)).map(stored);

  const batches = async (where: string, values: readonly unknown[] = []): Promise<StoredBatch[]> => {
    const found = await rows<BatchRow>(`${BATCHES} ${where}`, values);
    if (found.length === 0) return [];
    const slices = await sql.rows<{ batch_no: Int; account_id: Int; start_seq: Int; count: number }>(
      `SELECT batch_no, account_id, start_seq, count FROM batch_slices WHERE batch_no = ANY($1::bigint[])
       ORDER BY batch_no, position`,
      [found.map((row) => Number(row.batch_no))],
    );
    const slicesOf = Map.groupBy(slices, (slice) => Number(slice.batch_no));
    return found.map((row) => ({
      batchNo: Number(row.batch_no),
      bytes: `0x${row.bytes}`,
      commitment: row.commitment,
      slices: (slicesOf.get(Number(row.batch_no)) ?? []).map((slice): BatchSlice => ({
        accountId: Number(slice.account_id),
        startSeq: Number(slice.start_seq),
        count: slice.count,
      })),
      builtAtMs: Number(row.built_at_ms),
      state: row.state,
      txHash: row.tx_hash ?? undefined,
      blockNumber: row.block_number === null ? undefined : BigInt(row.block_number),
    }));
  };

  const outcome: Store["outcome"] = async (requestId) => {
    const found = await receipts("WHERE request_id = $1 ORDER BY account_id, seq", [requestId]);
    const [first] = found;
    return (
      first && {
        requestId,
        keyId: first.keyId,
        model: first.model,
        service: found.at(-1)?.service,
        recordedAtMs: first.recordedAtMs,
        receipts: found.map(({ receipt, signature }) => ({ receipt, signature })),
      }
    );
  };

  return {
    keys: async () => (await rows<KeyRow>(`${KEYS} ORDER BY created_at_ms, key_id`)).map(keyOf),
    keyDays: async (fromDay) =>
      // What is older counts as one day: nobody asks when.
      (
        await rows<{ key_id: string; day: number; spent: string }>(
          `SELECT key_id, greatest(day, $1) AS day, sum(spent)::text AS spent FROM key_days
           GROUP BY 1, 2 ORDER BY 1, 2`,
          [fromDay - 1],
        )
      ).map(({ key_id, day, spent }) => ({ keyId: key_id, day, spentWei: BigInt(spent) })),
    endpoints: async () =>
      (
        await rows<{
          listing_id: Int;
          base_url: string;
          upstream_model: string;
          api_key: string | null;
          max_output_units: number;
          context_units: number;
          issued_at: Int;
          claims: string;
        }>("SELECT * FROM endpoints ORDER BY listing_id")
      ).map((row): Endpoint => ({
        listingId: Number(row.listing_id),
        baseUrl: row.base_url,
        upstreamModel: row.upstream_model,
        apiKey: row.api_key ?? undefined,
        maxOutputUnits: row.max_output_units,
        contextUnits: row.context_units,
        issuedAtSec: Number(row.issued_at),
        ...(JSON.parse(row.claims) as EndpointClaims),
      })),
    session: async (tokenHash) => {
      const [row] = await rows<{
        token_hash: Hex;
        owner: Hex;
        nonce: string;
        created_at_ms: Int;
        expires_at_ms: Int;
      }>("SELECT * FROM sessions WHERE token_hash = $1 AND ended_at_ms IS NULL", [tokenHash]);
      return (
        row && {
          tokenHash: row.token_hash,
          owner: row.owner,
          nonce: row.nonce,
          createdAtMs: Number(row.created_at_ms),
          expiresAtMs: Number(row.expires_at_ms),
        }
      );
    },
    payment: async (accountId, seq) => {
      const [row] = await rows<{
        sender: Hex;
        recipient: Hex;
        value: string;
        valid_after: Int;
        valid_before: Int;
        nonce: Hex;
        signature: Hex;
      }>(
        `SELECT sender, recipient, value::text AS value, valid_after, valid_before, nonce, signature FROM payments
         WHERE account_id = $1 AND seq = $2`,
        [accountId, seq],
      );
      return (
        row && {
          from: row.sender,
          to: row.recipient,
          valueWei: BigInt(row.value),
          validAfterSec: Number(row.valid_after),
          validBeforeSec: Number(row.valid_before),
          nonce: row.nonce,
          signature: row.signature,
        }
      );
    },
    usedPayments: async (sec) =>
      (
        await rows<{ account_id: Int; nonce: Hex; valid_before: Int }>(
          "SELECT account_id, nonce, valid_before FROM payments WHERE valid_before > $1",
          [sec],
        )
      ).map((row) => ({
        accountId: Number(row.account_id),
        nonce: row.nonce,
        validBeforeSec: Number(row.valid_before),
      })),
    ...opinionQueries(rows),
    receipt: async (accountId, seq) =>
      (await receipts("WHERE account_id = $1 AND seq = $2", [accountId, seq]))[0],
    outcome,
    servedAs: async (name, sinceMs) => {
      const [row] = await rows<{ request_id: string }>(
        "SELECT request_id FROM served_names WHERE name = $1 AND recorded_at_ms >= $2",
        [name, sinceMs],
      );
      return row && outcome(row.request_id);
    },
    servedSince: async ({ accountId, keyId }, requestHash, sinceMs) => {
      const [row] = await rows<{ request_id: string }>(
        `SELECT request_id FROM (
           SELECT request_id, key_id, request_hash, recorded_at_ms, timing, seq FROM receipts WHERE account_id = $1
           ORDER BY seq DESC LIMIT ${LATEST_ROWS}) AS latest
         WHERE key_id = $2 AND request_hash = decode($3, 'hex') AND recorded_at_ms >= $4 AND timing > 0
         ORDER BY seq DESC LIMIT 1`,
        [accountId, keyId, requestHash.slice(2), sinceMs],
      );
      return row && outcome(row.request_id);
    },
    activity: async (accountId, fromMs, limit) =>
      (
        await rows<{
          day: string;
          model: string;
          key_id: string;
          requests: Int;
          failures: Int;
          input_units: Int;
          output_units: Int;
          amount: string;
        }>(
          `SELECT to_char(to_timestamp(recorded_at_ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, model, key_id,
             count(*) FILTER (WHERE timing > 0) AS requests, count(*) FILTER (WHERE timing = 0) AS failures,
             sum(input_units) AS input_units, sum(output_units) AS output_units, sum(amount)::text AS amount
           FROM receipts WHERE account_id = $1 AND recorded_at_ms >= $2
           GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3 LIMIT $3`,
          [accountId, fromMs, limit],
        )
      ).map((row) => ({
        day: row.day,
        model: row.model,
        keyId: row.key_id,
        requests: Number(row.requests),
        failures: Number(row.failures),
        inputUnits: Number(row.input_units),
        outputUnits: Number(row.output_units),
        amountWei: BigInt(row.amount),
      })),
    receiptsFrom: (accountId, seq, limit) =>
      receipts("WHERE account_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3", [accountId, seq, limit]),
    // With ties: whoever asks again from the last one's time on misses none of that millisecond.
    receiptsOfOffers: (offerIds, afterMs, limit) =>
      receipts(
        `WHERE offer_id = ANY($1::bigint[]) AND recorded_at_ms > $2
         ORDER BY recorded_at_ms FETCH FIRST $3 ROWS WITH TIES`,
        [[...offerIds], afterMs, limit],
      ),
    latestOfOffers: (offerIds, sinceMs, limit) =>
      receipts(
        `WHERE (account_id, seq) IN (
           SELECT account_id, seq FROM unnest($1::bigint[]) AS wanted (id), LATERAL (
             SELECT account_id, seq FROM receipts WHERE offer_id = wanted.id AND recorded_at_ms >= $2
             ORDER BY recorded_at_ms DESC LIMIT $3) AS newest)`,
        [[...offerIds], sinceMs, limit],
      ),
    lastSeqs: async () =>
      (
        await rows<{ account_id: Int; next_seq: Int }>(
          "SELECT account_id, next_seq FROM accounts WHERE next_seq > opened_seq ORDER BY account_id",
        )
      ).map((row) => ({ accountId: Number(row.account_id), lastSeq: Number(row.next_seq) - 1 })),
    openBatches: () => batches("WHERE state <> 'final' ORDER BY batch_no"),
    batch: async (batchNo) => (await batches("WHERE batch_no = $1", [batchNo]))[0],
    batchOf: async (accountId, seq) =>
      (
        await batches(
          `WHERE batch_no = (SELECT batch_no FROM batch_slices WHERE account_id = $1 AND start_seq <= $2
             AND start_seq + count > $2 ORDER BY start_seq DESC LIMIT 1)`,
          [accountId, seq],
        )
      )[0],
    setBatchState: async (batchNo, state, txHash, blockNumber) => {
      await rows(
        `UPDATE batches SET state = $2, tx_hash = $3, block_number = $4, final_at_ms = CASE WHEN $2 = 'final'
           THEN coalesce(final_at_ms, extract(epoch FROM clock_timestamp()) * 1000) END WHERE batch_no = $1`,
        [batchNo, state, txHash ?? null, blockNumber?.toString() ?? null],
      );
    },
  };
}
