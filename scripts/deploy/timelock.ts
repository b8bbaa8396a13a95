import { readFileSync } from "node:fs";
import { ContractFactory, ZeroAddress, type InterfaceAbi, type Signer } from "ethers";

export interface TimelockOptions {
  readonly delaySec: number;
  /** May announce changes, and cancel them. */
  readonly proposers: readonly string[];
  /** May carry out what was announced long enough ago; the zero address stands for everybody. */
  readonly executors: readonly string[];
}

/**
 * Deploys OpenZeppelin's TimelockController, in the bytecode that OpenZeppelin published, with no admin but itself.
 * Returns its address.
 */
export async function deployTimelock(deployer: Signer, options: TimelockOptions): Promise<string> {
  const file = import.meta.resolve("@openzeppelin/contracts/build/contracts/TimelockController.json");
  const { abi, bytecode } = JSON.parse(readFileSync(new URL(file), "utf8")) as {
    abi: InterfaceAbi;
    bytecode: string;
  };
  const factory = new ContractFactory(abi, bytecode, deployer);
  const timelock = await factory.deploy(options.delaySec, options.proposers, options.executors, ZeroAddress);
  await timelock.waitForDeployment();
  return timelock.getAddress();
}
