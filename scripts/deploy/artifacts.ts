import { readFileSync } from "node:fs";
import { ContractFactory, type ContractRunner, type InterfaceAbi } from "ethers";

interface Artifact {
  readonly abi: InterfaceAbi;
  readonly bytecode: string;
}

/**
 * A compiled contract of this project, by name.
 * @throws {Error} when it has not been built
 */
export function artifactOf(name: string): Artifact {
  const file = new URL(`../../artifacts/contracts/${name}.sol/${name}.json`, import.meta.url);
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Artifact;
  } catch (cause) {
    throw new Error(`${name} has not been built: run "npm run hardhat -- build"`, { cause });
  }
}

export function factoryOf(name: string, runner: ContractRunner): ContractFactory {
  const { abi, bytecode } = artifactOf(name);
  return new ContractFactory(abi, bytecode, runner);
}
