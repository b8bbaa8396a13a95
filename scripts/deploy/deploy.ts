/** Deploys the contracts and wires them; nobody is left with a key that could change what they promise. */
import { getCreateAddress, type BaseContract, type ContractRunner, type Signer } from "ethers";

import type {
  AI1NET,
  Challenges,
  Disputes,
  Escrow,
  Ledger,
  Registry,
  Reviews,
  Rewards,
} from "../../types/contracts/index.ts";
import { factoryOf } from "./artifacts.ts";
import { constructorsOf, ORDER, type Decisions, type Deployed } from "./constructors.ts";

/** Addresses; Challenges is made by Disputes. */
export type Deployment = Readonly<Record<Deployed | "Challenges", string>>;

export interface DeployOptions extends Decisions {
  /** Pays the gas; keeps no role. */
  readonly deployer: Signer;
  /** Is told each contract as it is there. */
  readonly progress?: (name: keyof Deployment, address: string) => void;
}

/** The contracts of a deployment are not wired as they must be; the message says which getter is wrong. */
export class WiringError extends Error {
  override readonly name = "WiringError";
}

/** @throws {WiringError} if what is deployed is not what was asked for */
export async function deploy(options: DeployOptions): Promise<Deployment> {
  const { deployer } = options;
  const from = await deployer.getAddress();
  const nonce = await deployer.getNonce();
  const at = foreseen(from, nonce);
  const args = constructorsOf(options, at);
  for (const [i, name] of ORDER.entries()) {
    // Numbered here, because contracts are told the addresses of those that follow them.
    const contract: BaseContract = await factoryOf(name, deployer).deploy(...args[name], {
      nonce: nonce + i,
    });
    await contract.waitForDeployment();
    options.progress?.(name, at[name]);
  }
  const disputes = factoryOf("Disputes", deployer).attach(at.Disputes) as Disputes;
  const deployment = { ...at, Challenges: await disputes.challenges() };
  await checkWiring(deployment, options);
  return deployment;
}

/** Where the contracts will be if `from` deploys them from `nonce` on, with nothing in between. */
export function foreseen(from: string, nonce: number): Record<Deployed, string> {
  const entries = ORDER.map((name, i) => [name, getCreateAddress({ from, nonce: nonce + i })] as const);
  return Object.fromEntries(entries) as Record<Deployed, string>;
}

/** Compares what the contracts say of each other and of their roles with what they must. @throws {WiringError} */
export async function checkWiring(
  deployment: Deployment,
  {
    owner,
    guardian,
    reporter,
    deployer,
  }: Pick<DeployOptions, "owner" | "guardian" | "reporter"> & { readonly deployer: ContractRunner },
): Promise<void> {
  const { token, registry, escrow, ledger, disputes, challenges, reviews, rewards } = contractsOf(
    deployment,
    deployer,
  );
  const facts: readonly (readonly [string, string, string])[] = [
    ["Registry.token", await registry.token(), await token.getAddress()],
    ["Registry.disputes", await registry.disputes(), await disputes.getAddress()],
    ["Registry.owner", await registry.owner(), owner],
    ["Escrow.token", await escrow.token(), await token.getAddress()],
    ["Escrow.registry", await escrow.registry(), await registry.getAddress()],
    ["Escrow.ledger", await escrow.ledger(), await ledger.getAddress()],
    ["Escrow.guardian", await escrow.guardian(), guardian],
    ["Ledger.registry", await ledger.registry(), await registry.getAddress()],
    ["Ledger.escrow", await ledger.escrow(), await escrow.getAddress()],
    ["Ledger.owner", await ledger.owner(), owner],
    ["Ledger.guardian", await ledger.guardian(), guardian],
    ["Escrow.disputes", await escrow.disputes(), await disputes.getAddress()],
    ["Disputes.registry", await disputes.registry(), await registry.getAddress()],
    ["Disputes.escrow", await disputes.escrow(), await escrow.getAddress()],
    ["Disputes.ledger", await disputes.ledger(), await ledger.getAddress()],
    ["Escrow.rewards", await escrow.rewards(), await rewards.getAddress()],
    ["Challenges.disputes", await challenges.disputes(), await disputes.getAddress()],
    ["Challenges.registry", await challenges.registry(), await registry.getAddress()],
    ["Challenges.escrow", await challenges.escrow(), await escrow.getAddress()],
    ["Challenges.ledger", await challenges.ledger(), await ledger.getAddress()],
    ["Rewards.ledger", await rewards.ledger(), await ledger.getAddress()],
    ["Rewards.reviews", await rewards.reviews(), await reviews.getAddress()],
    ["Rewards.owner", await rewards.owner(), owner],
    ["Rewards.reporter", await rewards.reporter(), reporter],
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
  runner: ContractRunner,
): {
  token: AI1NET;
  registry: Registry;
  escrow: Escrow;
  ledger: Ledger;
  disputes: Disputes;
  challenges: Challenges;
  reviews: Reviews;
  rewards: Rewards;
} {
  const at = (name: keyof Deployment): unknown => factoryOf(name, runner).attach(deployment[name]);
  return {
    token: at("AI1NET") as AI1NET,
    registry: at("Registry") as Registry,
    escrow: at("Escrow") as Escrow,
    ledger: at("Ledger") as Ledger,
    disputes: at("Disputes") as Disputes,
    challenges: at("Challenges") as Challenges,
    reviews: at("Reviews") as Reviews,
    rewards: at("Rewards") as Rewards,
  };
}
