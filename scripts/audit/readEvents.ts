import { decodeEventLog, hexToNumber, numberToHex, type PublicClient, type RpcLog } from "viem";
import type { Hex } from "../../router/model/bytes.ts";
import { challengesAbi, disputesAbi, escrowAbi, ledgerAbi, registryAbi } from "./abi.ts";
import { AuditError } from "./auditError.ts";
import type { Deployment } from "./deployment.ts";
import type { AuditEvent, ContractEvent, Pausable, PauseEvent, Place, UnknownEvent } from "./events.ts";
import { mapAhead } from "./mapAhead.ts";
import { isUnreachable, mayPass, rpcError } from "./rpc.ts";
import { readSettleCall } from "./settleCall.ts";

const FIRST_RANGE = 2_000;
const MAX_RANGE = 100_000;
/** A range that gave more logs than this is not widened. */
const MANY_LOGS = 2_000;
/** Once the endpoint has refused a range, so many have to succeed before a wider one is tried. */
const GROW_AFTER = 8;
/** Transactions fetched before their turn: at most 128 KiB each. */
const AHEAD = 8;

export interface BlockRange {
  readonly from: number;
  readonly to: number;
}

/** Newer nodes give the time of a log's block with it. */
type Log = RpcLog & { readonly blockTimestamp?: Hex };

/** One request for logs. A refusal is repeated only where it may pass by itself: too many requests, a bad gateway. */
async function getLogs(
  client: PublicClient,
  addresses: readonly Hex[],
  { from, to }: BlockRange,
): Promise<readonly Log[]> {
  const filter = { address: [...addresses], fromBlock: numberToHex(from), toBlock: numberToHex(to) };
  const ask = async (options?: { retryCount: number }): Promise<readonly Log[]> =>
    client.request({ method: "eth_getLogs", params: [filter] }, options);
  try {
    return await ask({ retryCount: 0 });
  } catch (error) {
    if (from < to && !mayPass(error)) throw error;
    return ask();
  }
}

/** The logs of the contracts by the range of blocks; ranges shrink to what the endpoint allows, and grow again. */
async function* readLogs(
  client: PublicClient,
  addresses: readonly Hex[],
  { from, to }: BlockRange,
): AsyncGenerator<{ readonly logs: readonly Log[]; readonly upTo: number }> {
  let size = FIRST_RANGE;
  let successes = 0;
  let neededToGrow = 1;
  for (let start = from; start <= to;) {
    const end = Math.min(start + size - 1, to);
    let logs: readonly Log[];
    try {
      logs = await getLogs(client, addresses, { from: start, to: end });
    } catch (error) {
      if (isUnreachable(error) || start === end)
        throw rpcError(`Cannot read the logs from block ${start} on`, error);
      size = Math.max(1, Math.floor((end - start + 1) / 2));
      successes = 0;
      neededToGrow = GROW_AFTER;
      continue;
    }
    yield { logs, upTo: end };
    start = end + 1;
    if (logs.length > MANY_LOGS || ++successes < neededToGrow) continue;
    size = Math.min(size * 2, MAX_RANGE);
    successes = 0;
  }
}

type Decoded = Exclude<ContractEvent, { eventName: PauseEvent["eventName"] }> | PauseEvent | UnknownEvent;

/** Both contracts that can be paused emit the same events: which one it was is kept. */
function tell(event: ContractEvent, contract: Pausable): Decoded {
  if (event.eventName === "Paused" || event.eventName === "PauseEnded") return { ...event, contract };
  return event;
}

function decode(log: Log, { ledger, escrow, disputes, challenges }: Deployment): Decoded {
  const { address, topics, data } = log;
  const isFrom = (contract: Hex): boolean => address.toLowerCase() === contract.toLowerCase();
  try {
    const encoded = { topics: topics as [Hex, ...Hex[]], data };
    if (isFrom(ledger)) return tell(decodeEventLog({ abi: ledgerAbi, ...encoded }), "ledger");
    if (isFrom(escrow)) return tell(decodeEventLog({ abi: escrowAbi, ...encoded }), "escrow");
    if (isFrom(disputes)) return decodeEventLog({ abi: disputesAbi, ...encoded });
    if (isFrom(challenges)) return decodeEventLog({ abi: challengesAbi, ...encoded });
    return decodeEventLog({ abi: registryAbi, ...encoded });
  } catch {
    return { eventName: "Unknown", contract: address, topic: topics[0] ?? "0x" };
  }
}

function inOrder(a: Log, b: Log): number {
  const by = (log: Log): number => hexToNumber(log.blockNumber ?? "0x0");
  return by(a) - by(b) || hexToNumber(a.logIndex ?? "0x0") - hexToNumber(b.logIndex ?? "0x0");
}

/** Every event of a deployment in the order of the chain, batches with their bytes. */
export async function* readEvents(
  client: PublicClient,
  deployment: Deployment,
  range: BlockRange,
  onRange: (upTo: number) => void,
): AsyncGenerator<AuditEvent> {
  const { ledger, escrow, registry, disputes, challenges } = deployment;

  const read = async (log: Log, times: Map<number, Promise<number>>): Promise<AuditEvent> => {
    const { transactionHash: txHash, blockTimestamp } = log;
    if (txHash === null || log.blockNumber === null || log.logIndex === null || log.removed)
      throw new AuditError(
        "The endpoint answers with logs of blocks that are not final: run the audit again.",
      );
    const blockNumber = hexToNumber(log.blockNumber);
    let time = times.get(blockNumber);
    if (!time) {
      time =
        blockTimestamp === undefined
          ? client.getBlock({ blockNumber: BigInt(blockNumber) }).then((block) => Number(block.timestamp))
          : Promise.resolve(hexToNumber(blockTimestamp));
      times.set(blockNumber, time);
    }
    const logIndex = hexToNumber(log.logIndex);
    const at: Place = { blockNumber, logIndex, txHash, timestampSec: await time };
    const event = decode(log, deployment);
    if (event.eventName !== "BatchSettled") return { ...event, at };
    return { ...event, at, call: await readSettleCall(client, ledger, txHash, event.args) };
  };

  const contracts = [registry, escrow, ledger, disputes, challenges];
  for await (const { logs, upTo } of readLogs(client, contracts, range)) {
    const times = new Map<number, Promise<number>>();
    yield* mapAhead(logs.toSorted(inOrder), AHEAD, async (log) => read(log, times));
    onRange(upTo);
  }
}
