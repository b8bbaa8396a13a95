import type { Clock, PaymentNonces } from "../../ports.ts";
import type { Sql } from "./sql.ts";

/** How many reservations go by before what has expired is dropped. */
const SWEEP_EVERY = 1_000;

/** The nonces of payments, for several routers on one database: a reservation is a row, and a row is there once. */
export function sqlNonces(sql: Sql, clock: Clock): PaymentNonces {
  let reserved = 0;
  return {
    reserve: async (accountId, nonce, validBeforeSec) => {
      const rows = await sql.rows(
        "INSERT INTO payment_nonces VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING account_id",
        [accountId, nonce.toLowerCase(), validBeforeSec],
      );
      if (++reserved % SWEEP_EVERY === 0)
        await sql.rows("DELETE FROM payment_nonces WHERE valid_before < $1", [
          Math.floor(clock.nowMs() / 1000),
        ]);
      return rows.length > 0;
    },
  };
}
