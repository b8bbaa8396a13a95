import type { Client } from "./contracts.ts";

/** The first block with a timestamp from `sec` on, unix s; `head`, the newest block's number, when there is none. */
export async function firstBlockSince(client: Client, sec: bigint, head: bigint): Promise<bigint> {
  let [low, high] = [0n, head];
  while (low < high) {
    const middle = (low + high) / 2n;
    const { timestamp } = await client.getBlock({ blockNumber: middle });
    if (timestamp >= sec) high = middle;
    else low = middle + 1n;
  }
  return low;
}
