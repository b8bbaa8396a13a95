import {
  createPublicClient,
  custom,
  decodeFunctionData,
  encodeFunctionResult,
  type Hex,
  type PublicClient,
} from "viem";
import { registryAbi } from "../../client/abi.ts";

export interface FakeRegistry {
  readonly operatorId: number;
  readonly receiptKey: Hex;
  readonly prices: Readonly<
    Record<number, { inputPrice: bigint; outputPrice: bigint; requestPrice: bigint }>
  >;
}

/** A chain that knows receipt keys and price lists, and counts what it is asked. */
export function registryClient(registry: FakeRegistry): PublicClient & { readonly calls: () => number } {
  let calls = 0;
  const answer = (data: Hex): Hex => {
    calls++;
    const { functionName, args } = decodeFunctionData({ abi: registryAbi, data });
    if (functionName === "operatorOfReceiptKey") {
      const isKnown = args[0].toLowerCase() === registry.receiptKey.toLowerCase();
      return encodeFunctionResult({
        abi: registryAbi,
        functionName,
        result: isKnown ? registry.operatorId : 0,
      });
    }
    const nothing = { inputPrice: 0n, outputPrice: 0n, requestPrice: 0n };
    const result = {
      ...(registry.prices[args[0]] ?? nothing),
      retiresAt: 2 ** 40 - 1,
      listingId: 1,
      providerId: 1,
      createdAt: 1,
      cachedBps: 10_000,
    };
    return encodeFunctionResult({ abi: registryAbi, functionName, result });
  };
  const client = createPublicClient({
    transport: custom({
      request: async ({ method, params }: { method: string; params: [{ data: Hex }] }) => {
        if (method !== "eth_call") throw new Error(`not asked here: ${method}`);
        return answer(params[0].data);
      },
    }),
  });
  return Object.assign(client, { calls: () => calls });
}
