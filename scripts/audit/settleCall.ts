import { decodeFunctionData, type PublicClient } from "viem";
import { fromHex, type Hex } from "../../router/model/bytes.ts";
import { ledgerAbi } from "./abi.ts";
import type { SettleCall, SettledEvent } from "./events.ts";
import { isUnreachable } from "./rpc.ts";

/** A call inside a transaction, as the callTracer of nodes gives it. */
interface Frame {
  readonly from: Hex;
  readonly to?: Hex;
  readonly input: Hex;
  readonly error?: string;
  readonly calls?: readonly Frame[];
}

interface TraceMethod {
  readonly Method: "debug_traceTransaction";
  readonly Parameters: [Hex, { readonly tracer: "callTracer" }];
  readonly ReturnType: Frame;
}

const same = (a: string | null | undefined, b: string): boolean => a?.toLowerCase() === b.toLowerCase();

function parse(caller: Hex, input: Hex): SettleCall | undefined {
  try {
    const { functionName, args } = decodeFunctionData({ abi: ledgerAbi, data: input });
    if (functionName !== "settle") return undefined;
    return { caller, operatorId: args[0], batch: fromHex(args[1]) };
  } catch {
    return undefined;
  }
}

/** Every call of `settle` that took effect, in order. */
function settleCalls(frame: Frame, ledger: Hex): SettleCall[] {
  if (frame.error !== undefined) return [];
  const own = same(frame.to, ledger) ? parse(frame.from, frame.input) : undefined;
  return [...(own ? [own] : []), ...(frame.calls ?? []).flatMap((inner) => settleCalls(inner, ledger))];
}

/** The batch number of the bytes, if they have one. */
function batchNoOf({ batch }: SettleCall): number | undefined {
  return batch.length < 5 ? undefined : new DataView(batch.buffer, batch.byteOffset).getUint32(1);
}

/**
 * What the transaction of a BatchSettled event asked the Ledger for: its own calldata or, when the Ledger was called by
 * another contract, that of the inner call.
 */
export async function readSettleCall(
  client: PublicClient,
  ledger: Hex,
  txHash: Hex,
  { operatorId, batchNo }: SettledEvent["args"],
): Promise<SettledEvent["call"]> {
  const { to, from, input } = await client.getTransaction({ hash: txHash });
  if (same(to, ledger))
    return parse(from, input) ?? { unreadable: `transaction ${txHash} calls no settle()` };
  try {
    const frame = await client.request<TraceMethod>({
      method: "debug_traceTransaction",
      params: [txHash, { tracer: "callTracer" }],
    });
    const calls = settleCalls(frame, ledger).filter((call) => call.operatorId === operatorId);
    return (
      calls.find((call) => batchNoOf(call) === batchNo) ?? {
        unreadable: `transaction ${txHash} has no inner call that settles it`,
      }
    );
  } catch (error) {
    if (isUnreachable(error)) throw error;
    return {
      unreadable: `transaction ${txHash} goes to ${to}, and the node does not trace it (debug_traceTransaction)`,
    };
  }
}
