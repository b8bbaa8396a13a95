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
import type { Windows } from "./windows.ts";

export interface Deployment {
  readonly AI1NET: string;
  readonly Registry: string;
  readonly Escrow: string;
  readonly Ledger: string;
  readonly Disputes: string;
  /** Made by Disputes. */
  readonly Challenges: string;
  readonly Reviews: string;
  readonly Rewards: string;
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
  /** The payers' share of it, as credits. */
  readonly rebateShareBps: number;
  /** Says what is typical of a model, and how accurate a listing; the zero address: nobody. */
  readonly reporter: string;
  /** Taken from an operator's bond for each sequence number that evidence is brought for. */
  readonly penaltyWei: bigint;
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
  // Numbered here, because contracts are told the addresses of those that follow them.
  let nonce = await deployer.getNonce();
  const put = async (name: keyof Deployment, ...args: unknown[]): Promise<string> => {
    const contract: BaseContract = await factoryOf(name, deployer).deploy(...args, { nonce: nonce++ });
    await contract.waitForDeployment();
    const address = await contract.getAddress();
    options.progress?.(name, address);
    return address;
  };
  const { minOperatorBondWei, minProviderStakeWei, penaltyWei } = options;
  const { protocolFeeBps, operatorShareBps, rebateShareBps } = options;
  const from = await deployer.getAddress();
  const token = await put("AI1NET", options.holder);
  // Registry, Escrow, Ledger, Disputes, Reviews, Rewards
  const ledgerAddress = getCreateAddress({ from, nonce: nonce + 2 });
  const disputesAddress = getCreateAddress({ from, nonce: nonce + 3 });
  const rewardsAddress = getCreateAddress({ from, nonce: nonce + 5 });
  const registry = await put(
    "Registry",
    token,
    windows,
    minOperatorBondWei,
    minProviderStakeWei,
    owner,
    disputesAddress,
  );
  const escrow = await put(
    "Escrow",
    token,
    registry,
    ledgerAddress,
    windows,
    guardian,
    disputesAddress,
    rewardsAddress,
  );
  const ledger = await put(
    "Ledger",
    registry,
    escrow,
    windows,
    protocolFeeBps,
    operatorShareBps,
    rebateShareBps,
    owner,
    guardian,
  );
  const disputes = await put("Disputes", registry, escrow, ledger, windows, penaltyWei);
  const reviews = await put("Reviews", ledger);
  const rewards = await put("Rewards", ledger, reviews, owner, options.reporter);
  const challenges = await (factoryOf("Disputes", deployer).attach(disputes) as Disputes).challenges();
  const deployment = {
    AI1NET: token,
    Registry: registry,
    Escrow: escrow,
    Ledger: ledger,
    Disputes: disputes,
    Challenges: challenges,
    Reviews: reviews,
    Rewards: rewards,
  };
  await checkWiring(deployment, options);
  return deployment;
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
