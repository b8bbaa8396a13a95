import type { Hex } from "../../router/model/bytes.ts";
import type { ExitDesk, ExitStatus, OwnerCall } from "../../router/ports.ts";

const ESCROW: Hex = `0x${"11".repeat(20)}`;

/** Calls in words instead of bytes. */
export class FakeExits implements ExitDesk {
  now: ExitStatus = { amountWei: 0n, readyAtSec: undefined, noticeSec: 60, nowSec: 1_000 };

  async status(): Promise<ExitStatus> {
    return this.now;
  }

  #call(text: string): OwnerCall {
    return { to: ESCROW, data: `0x${Buffer.from(text).toString("hex")}` };
  }

  request(accountId: number, amountWei: bigint): OwnerCall {
    return this.#call(`request ${accountId} ${amountWei}`);
  }

  cancel(accountId: number): OwnerCall {
    return this.#call(`cancel ${accountId}`);
  }

  withdraw(accountId: number, to: Hex): OwnerCall {
    return this.#call(`withdraw ${accountId} ${to}`);
  }
}
