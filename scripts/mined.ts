import type {
  BaseContract,
  ContractTransactionReceipt,
  ContractTransactionResponse,
  LogDescription,
} from "ethers";

/** Waits until all of these are mined. @throws if one reverted */
export async function mined(
  ...sent: readonly Promise<ContractTransactionResponse>[]
): Promise<ContractTransactionReceipt[]> {
  const responses = await Promise.all(sent);
  return Promise.all(
    responses.map(async (response) => {
      const receipt = await response.wait();
      if (!receipt) throw new Error(`transaction ${response.hash} has no receipt`);
      return receipt;
    }),
  );
}

/** The arguments of the one event `name` of `contract` in a receipt. */
export function eventOf(
  contract: BaseContract,
  receipt: ContractTransactionReceipt | undefined,
  name: string,
): LogDescription["args"] {
  for (const log of receipt?.logs ?? []) {
    const event = contract.interface.parseLog(log);
    if (event?.name === name) return event.args;
  }
  throw new Error(`transaction ${receipt?.hash} has no event ${name}`);
}
