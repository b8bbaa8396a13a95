/** A Ledger in memory: takes batches as the real one does, and can be reorganized, refuse, or keep its answers. */
import type { AccountSnapshot } from "../../router/model/account.ts";
import { batchCommitment, decodeBatch, groupLeaf } from "../../router/model/batch.ts";
import { fromHex, keccak256, toHex, uintBytes, type Hex } from "../../router/model/bytes.ts";
import { merkleRoot, merkleTree } from "../../router/model/merkle.ts";
import type { MarketSnapshot } from "../../router/model/market.ts";
import type { Chain, ChainChanges, OperatorInfo, SettledBatch, SentResult } from "../../router/ports.ts";
import { IDENTITY } from "./samples.ts";
import { sampleMarket, sampleSnapshot } from "./world.ts";

/** A row as the Ledger numbered it. */
export interface SettledRow {
  readonly accountId: number;
  readonly seq: number;
  readonly offerId: number;
  readonly inputUnits: number;
}

interface Settlement extends SettledBatch {
  readonly bytes: Hex;
  readonly rows: readonly SettledRow[];
  readonly shortfalls: readonly { accountId: number; shortfallWei: bigint }[];
}

export class FakeChain implements Chain {
  settlements: Settlement[] = [];
  head = 10n;
  timeSec = 1_900_000_000;
  /** Takes no rows that were served after its own time. */
  isStrictAboutTime = false;
  /** Accounts that make a batch refused. */
  readonly foreign = new Set<number>();
  /** What an account lacks in each of its next groups. */
  readonly short = new Map<number, bigint[]>();
  readonly firstSeqs = new Map<number, number>();
  /** Refusals with which the next batches are met. */
  readonly refusals: string[] = [];
  /** The next batch is mined, and its answer lost. */
  losesAnswer = false;
  isDown = false;
  sent: Hex[] = [];
  #reorganized = false;

  #up(): void {
    if (this.isDown) throw new Error("ECONNREFUSED");
  }

  rows(): SettledRow[] {
    return this.settlements.flatMap(({ rows }) => rows);
  }

  /** Takes the last `count` batches off the chain. */
  reorganize(count: number): void {
    this.settlements = this.settlements.slice(0, this.settlements.length - count);
    this.head++;
    this.#reorganized = true;
  }

  async blockNumber(): Promise<bigint> {
    this.#up();
    return this.head;
  }

  async blockTimeSec(): Promise<number> {
    this.#up();
    return this.timeSec;
  }

  async operator(): Promise<OperatorInfo> {
    throw new Error("not asked here");
  }

  async market(): Promise<MarketSnapshot> {
    this.#up();
    return sampleMarket([]);
  }

  #nextSeq(accountId: number): number {
    const rows = this.rows().filter((row) => row.accountId === accountId);
    return (this.firstSeqs.get(accountId) ?? 0) + rows.length;
  }

  async account(accountId: number): Promise<AccountSnapshot | undefined> {
    this.#up();
    return sampleSnapshot({ accountId, nextSeq: this.#nextSeq(accountId), blockNumber: this.head });
  }

  async nextBatchNo(): Promise<number> {
    this.#up();
    return this.settlements.length;
  }

  async commitmentOf(batchNo: number): Promise<Hex | undefined> {
    return (await this.settledBatch(batchNo))?.commitment;
  }

  async settledBatch(batchNo: number): Promise<SettledBatch | undefined> {
    this.#up();
    return this.settlements[batchNo];
  }

  async batchBytes(batchNo: number): Promise<Hex | undefined> {
    this.#up();
    return this.settlements[batchNo]?.bytes;
  }

  async shortfalls(batchNo: number): Promise<readonly { accountId: number; shortfallWei: bigint }[]> {
    this.#up();
    return this.settlements[batchNo]?.shortfalls ?? [];
  }

  async changes(): Promise<ChainChanges> {
    this.#up();
    const reorganized = this.#reorganized;
    this.#reorganized = false;
    return { blockNumber: this.head, accountIds: [], market: false, settled: [], reorganized };
  }

  /** As the Ledger does it, without prices. */
  take(bytes: Hex): Settlement | string {
    const batch = decodeBatch(fromHex(bytes));
    const { batchNo, groups, groupBytes } = batch;
    if (batchNo !== this.settlements.length)
      return `Ledger_BadBatchNo(${batchNo}, ${this.settlements.length})`;
    if (this.isStrictAboutTime && batch.servedToSec > this.timeSec)
      return `Ledger_BadSpan(${batch.servedFromSec}, ${batch.servedToSec}, ${this.timeSec})`;
    const stranger = groups.find(({ accountId }) => this.foreign.has(accountId));
    if (stranger) return `Escrow_ForeignAccount(${stranger.accountId}, 9, ${IDENTITY.operatorId})`;
    const next = new Map<number, number>();
    const rows: SettledRow[] = [];
    const shortfalls: { accountId: number; shortfallWei: bigint }[] = [];
    const leaves = groups.map((group, i) => {
      const { accountId } = group;
      const startSeq = next.get(accountId) ?? this.#nextSeq(accountId);
      next.set(accountId, startSeq + group.rows.length);
      for (const [k, row] of group.rows.entries()) {
        rows.push({ accountId, seq: startSeq + k, offerId: row.offerId, inputUnits: row.inputUnits });
      }
      const shortfallWei = this.short.get(accountId)?.shift() ?? 0n;
      if (shortfallWei > 0n) shortfalls.push({ accountId, shortfallWei });
      return groupLeaf(startSeq, shortfallWei, groupBytes[i]!);
    });
    const root = merkleRoot(merkleTree(leaves));
    const commitment = batchCommitment(IDENTITY.operatorId, batchNo, batch.header, root);
    this.head++;
    const txHash = toHex(keccak256(uintBytes(this.head, 32)));
    return { batchNo, bytes, commitment, rows, shortfalls, txHash, blockNumber: this.head };
  }

  async settle(bytes: Hex): Promise<SentResult> {
    if (this.isDown) return { status: "unknown", txHash: undefined };
    this.sent.push(bytes);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return { status: "refused", reason: refusal };
    const taken = this.take(bytes);
    if (typeof taken === "string") return { status: "refused", reason: taken };
    this.settlements.push(taken);
    if (this.losesAnswer) {
      this.losesAnswer = false;
      return { status: "unknown", txHash: taken.txHash };
    }
    return { status: "mined", txHash: taken.txHash, blockNumber: taken.blockNumber };
  }
}
