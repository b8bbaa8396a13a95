/** Deploys the contracts and wires them; nobody is left with a key that could change what they promise. */
import { getCreateAddress, type BaseContract, type Signer } from "ethers";

import type { AI1NET, Escrow, Ledger, Registry, Reviews } from "../../types/contracts/index.ts";
import { factoryOf } from "./artifacts.ts";
import type { Windows } from "./windows.ts";

export interface Deployment {
  readonly AI1NET: string;
  readonly Registry: string;
  readonly Escrow: string;
  readonly Ledger: string;
  readonly Reviews: string;
}

export interface DeployOptions {
  /** Pays the gas; keeps no role. */
  readonly deployer: Signer;
  /** Receives the whole supply of the token. */
  readonly holder: string;
  /** May change parameters within their ranges: a TimelockController where money matters. */
  readonly owner: string;
  /** May pause deposits and settlement for a bounded time; the zero address: nobody. */
  readonly guardian: string;
  readonly windows: Windows;
  readonly minOperatorBondWei: bigint;
  readonly minProviderStakeWei: bigint;
  readonly protocolFeeBps: number;
  /** The operator's share of the protocol fee. */
  readonly operatorShareBps: number;
  /** Is told each contract as it is there. */
  readonly progress?: (name: keyof Deployment, address: string) => void;
}

/** The contracts of a deployment are not wired as they must be; the message says which getter is wrong. */
export class WiringError extends Error {
  override readonly name = "WiringError";
}

/** @throws {WiringError} if what is deployed is not what was asked for */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const { deployer, windows, owner, guardian } = options;
  // Numbered here, because the Escrow is told the address of the Ledger that follows it.
  let nonce = await deployer.getNonce();
  const put = async (name: keyof Deployment, ...args: unknown[]): Promise<string> => {
    const contract: BaseContract = await factoryOf(name, deployer).deploy(...args, { nonce: nonce++ });
    await contract.waitForDeployment();
    const address = await contract.getAddress();
    options.progress?.(name, address);
    return address;
  };
  const { minOperatorBondWei, minProviderStakeWei, protocolFeeBps, operatorShareBps } = options;
  const token = await put("AI1NET", options.holder);
  const registry = await put("Registry", token, windows, minOperatorBondWei, minProviderStakeWei, owner);
  const ledgerAddress = getCreateAddress({ from: await deployer.getAddress(), nonce: nonce + 1 });
  const escrow = await put("Escrow", token, registry, ledgerAddress, windows, guardian);
  const ledger = await put(
    "Ledger",
    registry,
    escrow,
    windows,
    protocolFeeBps,
    operatorShareBps,
    owner,
    guardian,
  );
  const reviews = await put("Reviews", ledger);
  const deployment = {
    AI1NET: token,
    Registry: registry,
    Escrow: escrow,
    Ledger: ledger,
    Reviews: reviews,
  };
  await checkWiring(deployment, options);
  return deployment;
}

/** Compares what the contracts say of each other and of their roles with what they must. @throws {WiringError} */
export async function checkWiring(
  deployment: Deployment,
  { owner, guardian, deployer }: Pick<DeployOptions, "owner" | "guardian" | "deployer">,
): Promise<void> {
  const { token, registry, escrow, ledger, reviews } = contractsOf(deployment, deployer);
  const facts: readonly (readonly [string, string, string])[] = [
    ["Registry.token", await registry.token(), await token.getAddress()],
    ["Registry.owner", await registry.owner(), owner],
    ["Escrow.token", await escrow.token(), await token.getAddress()],
    ["Escrow.registry", await escrow.registry(), await registry.getAddress()],
    ["Escrow.ledger", await escrow.ledger(), await ledger.getAddress()],
    ["Escrow.guardian", await escrow.guardian(), guardian],
    ["Ledger.registry", await ledger.registry(), await registry.getAddress()],
    ["Ledger.escrow", await ledger.escrow(), await escrow.getAddress()],
    ["Ledger.owner", await ledger.owner(), owner],
    ["Ledger.guardian", await ledger.guardian(), guardian],
    ["Reviews.ledger", await reviews.ledger(), await ledger.getAddress()],
    ["Reviews.escrow", await reviews.escrow(), await escrow.getAddress()],
    ["Reviews.registry", await reviews.registry(), await registry.getAddress()],
  ];
  for (const [getter, actual, expected] of facts) {
    if (actual.toLowerCase() !== expected.toLowerCase())
      throw new WiringError(`${getter} is ${actual}, expected ${expected}`);
  }
}

/** The contracts of a deployment, typed, on behalf of `runner`. */
export function contractsOf(
  deployment: Deployment,
  runner: Signer,
): { token: AI1NET; registry: Registry; escrow: Escrow; ledger: Ledger; reviews: Reviews } {
  const at = (name: keyof Deployment): unknown => factoryOf(name, runner).attach(deployment[name]);
  return {
    token: at("AI1NET") as AI1NET,
    registry: at("Registry") as Registry,
    escrow: at("Escrow") as Escrow,
    ledger: at("Ledger") as Ledger,
    reviews: at("Reviews") as Reviews,
  };
}
