import type { State } from "./state.ts";

/** As in contracts/interfaces/IDisputes.sol. */
export const CLAIM = { refund: 0, compensation: 1 } as const;

/** All that is claimed of an operator's bond, in wei. */
export function openClaimsWei(
  state: State,
  operatorId: number,
): { refundsWei: bigint; compensationsWei: bigint; totalWei: bigint } {
  let [refundsWei, compensationsWei] = [0n, 0n];
  for (const [key, wei] of state.claims) {
    const [operator, kind] = key.split("/").map(Number);
    if (operator !== operatorId) continue;
    if (kind === CLAIM.refund) refundsWei += wei;
    else compensationsWei += wei;
  }
  return { refundsWei, compensationsWei, totalWei: refundsWei + compensationsWei };
}
