import type { Hex } from "../../model/bytes.ts";
import type { Feedback } from "../../model/feedback.ts";
import type { Store } from "../../ports.ts";
import type { Int, Sql } from "./sql.ts";

interface FeedbackRow {
  account_id: Int;
  seq: Int;
  owner: string;
  listing_id: Int;
  model_id: Int;
  task: string | null;
  rating: number;
  at_ms: Int;
}

const feedbackOf = (row: FeedbackRow): Feedback => ({
  accountId: Number(row.account_id),
  seq: Number(row.seq),
  owner: row.owner,
  listingId: Number(row.listing_id),
  modelId: Number(row.model_id),
  ...(row.task !== null && { task: row.task }),
  rating: row.rating,
  atMs: Number(row.at_ms),
});

/** A row has one word: the latest. */
export async function applyFeedback(sql: Sql, feedback: Feedback): Promise<void> {
  const { accountId, seq, owner, listingId, modelId, task, rating, atMs } = feedback;
  await sql.rows(
    `INSERT INTO feedback VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (account_id, seq) DO UPDATE SET owner = $3, task = $6, rating = $7, at_ms = $8
     WHERE feedback.at_ms <= $8`,
    [accountId, seq, owner, listingId, modelId, task ?? null, rating, atMs],
  );
}

export async function applyReviewText(sql: Sql, textHash: Hex, text: string): Promise<void> {
  await sql.rows("INSERT INTO review_texts VALUES ($1, $2) ON CONFLICT DO NOTHING", [textHash, text]);
}

/** The store's queries about what payers think. */
export function opinionQueries(
  rows: <T>(text: string, values?: readonly unknown[]) => Promise<T[]>,
): Pick<Store, "feedback" | "feedbackOn" | "reviewTexts"> {
  return {
    feedback: async (sinceMs, limit) => {
      const latest = await rows<FeedbackRow>(
        "SELECT * FROM feedback WHERE at_ms >= $1 ORDER BY at_ms DESC LIMIT $2",
        [sinceMs, limit],
      );
      return latest.map(feedbackOf).toReversed();
    },
    feedbackOn: async (accountId, seq) => {
      const [row] = await rows<FeedbackRow>("SELECT * FROM feedback WHERE account_id = $1 AND seq = $2", [
        accountId,
        seq,
      ]);
      return row && feedbackOf(row);
    },
    reviewTexts: async (hashes) => {
      const found = await rows<{ text_hash: Hex; text: string }>(
        "SELECT text_hash, text FROM review_texts WHERE text_hash = ANY($1::text[])",
        [[...hashes]],
      );
      return new Map(found.map((row) => [row.text_hash, row.text]));
    },
  };
}
