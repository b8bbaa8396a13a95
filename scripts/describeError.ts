import { Interface, isCallException, isError } from "ethers";
import { artifactOf } from "./deploy/artifacts.ts";

const CONTRACTS = ["Registry", "Escrow", "Ledger", "Reviews", "AI1NET"];

/** The custom error in a revert's data, with its arguments' names: "Registry_BondTooLow(bonded 1, needed 2)". */
function customError(data: string): string | undefined {
  for (const name of CONTRACTS) {
    const parsed = new Interface(artifactOf(name).abi).parseError(data);
    if (!parsed) continue;
    const args = parsed.fragment.inputs.map((input, i) => `${input.name} ${String(parsed.args[i])}`);
    return `${parsed.name}(${args.join(", ")})`;
  }
  return undefined;
}

/** One line about what went wrong, for people. */
export function describeError(error: unknown): string {
  if (isCallException(error)) {
    const known = error.data ? customError(error.data) : undefined;
    return `the contract refuses: ${known ?? error.reason ?? error.shortMessage}`;
  }
  if (isError(error, "INSUFFICIENT_FUNDS")) return "this account has no coin of the chain to pay for gas";
  if (isError(error, "NETWORK_ERROR") || isError(error, "SERVER_ERROR"))
    return `the chain can't be reached: ${error.shortMessage}`;
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  if (error instanceof TypeError && error.message === "fetch failed" && error.cause)
    return describeError(error.cause);
  return error instanceof Error ? error.message : String(error);
}
