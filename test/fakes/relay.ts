import type { Hex } from "../../router/model/bytes.ts";
import type { Deposit, Relay, RelayResult } from "../../router/ports.ts";

/** Keeps what it is given, and answers as a test says. */
export class FakeRelay implements Relay {
  readonly deposits: Deposit[] = [];
  result: RelayResult = { status: "mined", accountId: 11, amountWei: 5n, txHash: `0x${"7a".repeat(32)}` };
  answer: (deposit: Deposit) => RelayResult = () => this.result;

  async deposit(deposit: Deposit): Promise<RelayResult> {
    this.deposits.push(deposit);
    return this.answer(deposit);
  }

  async depositAddress(): Promise<Hex> {
    return `0x${"de".repeat(20)}`;
  }
}
