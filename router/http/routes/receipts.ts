import { decodeBatch } from "../../model/batch.ts";
import { fromHex } from "../../model/bytes.ts";
import type { StoredReceipt } from "../../ports.ts";
import { receiptJson } from "../../request/receiptJson.ts";
import { notFound } from "../../request/refusal.ts";
import { authorizeReader } from "../authorizeReader.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { findReceipt } from "../findReceipt.ts";
import { generationJson } from "../generationJson.ts";
import type { Exchange, Route } from "../route.ts";

/** A stored receipt as the API shows it. */
export function storedReceiptJson(stored: StoredReceipt) {
  const { requestId, model, recordedAtMs } = stored;
  return {
    ...receiptJson(stored),
    request_id: requestId,
    model,
    recorded_at: Math.floor(recordedAtMs / 1000),
  };
}

export function receiptRoutes(deps: AppDeps): Route[] {
  const { store, proveRow, catalog } = deps;
  const find = ({ req }: Exchange): Promise<StoredReceipt> =>
    findReceipt(deps, req.headers.authorization, String(req.params["id"]));
  return [
    {
      method: "get",
      path: "/v1/receipts/:id",
      async handle(exchange) {
        const stored = await find(exchange);
        const batch = await store.batchOf(stored.receipt.accountId, stored.receipt.seq);
        sendJson(exchange.res, 200, {
          ...storedReceiptJson(stored),
          batch: batch
            ? { batch_no: batch.batchNo, state: batch.state, tx_hash: batch.txHash ?? null }
            : null,
        });
      },
    },
    {
      method: "get",
      path: "/v1/receipts/:id/proof",
      async handle(exchange) {
        const { receipt, ...stored } = await find(exchange);
        const proof = await proveRow(receipt.accountId, receipt.seq);
        if (!proof) throw notFound("this receipt is not settled yet", { reason: "not_settled" });
        const { batchNo, commitment, txHash, shortfallWei, ...rest } = proof;
        sendJson(exchange.res, 200, {
          ...receiptJson({ receipt, ...stored }),
          batch_no: batchNo,
          commitment,
          tx_hash: txHash ?? null,
          proof: { ...rest, shortfall: shortfallWei.toString() },
        });
      },
    },
    {
      method: "get",
      path: "/v1/generation",
      async handle({ req, res }) {
        const reads = await authorizeReader(deps, req.headers.authorization);
        const { id } = req.query;
        const outcome = typeof id === "string" ? await store.outcome(id) : undefined;
        const last = outcome?.receipts.at(-1);
        if (!outcome || !last || !(await reads(last.receipt.accountId)))
          throw notFound("there is no such request for the account of this key or wallet");
        sendJson(res, 200, { data: generationJson(outcome, last, catalog) });
      },
    },
    {
      method: "get",
      path: "/v1/ledger/batches/:id",
      async handle({ req, res }) {
        const id = String(req.params["id"]);
        const batch = /^\d{1,10}$/.test(id) ? await store.batch(Number(id)) : undefined;
        if (!batch) throw notFound("there is no such batch");
        const { servedFromSec, servedToSec, groups } = decodeBatch(fromHex(batch.bytes));
        sendJson(res, 200, {
          batch_no: batch.batchNo,
          state: batch.state,
          tx_hash: batch.txHash ?? null,
          block_number: batch.blockNumber?.toString() ?? null,
          commitment: batch.commitment,
          served_from: servedFromSec,
          served_to: servedToSec,
          groups: groups.map((group, i) => ({
            account_id: group.accountId,
            app_id: group.appId,
            start_seq: batch.slices[i]?.startSeq ?? null,
            rows: group.rows.map((row) => ({
              offer_id: row.offerId,
              input_units: row.inputUnits,
              output_units: row.outputUnits,
              timing: row.timing,
            })),
          })),
          bytes: batch.bytes,
        });
      },
    },
  ];
}
