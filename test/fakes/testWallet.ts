import { readFileSync } from "node:fs";
import { ContractFactory, NonceManager } from "ethers";

import type { Hex } from "../../router/model/bytes.ts";
import type { TestChain } from "./anvil.ts";

const ARTIFACT = new URL(
  "../../artifacts/test/contracts/mocks/TestWallet.sol/TestWallet.json",
  import.meta.url,
);

/** A contract wallet (ERC-1271) of one key. */
export async function deployTestWallet(chain: TestChain, owner: string): Promise<Hex> {
  const { abi, bytecode } = JSON.parse(readFileSync(ARTIFACT, "utf8")) as { abi: []; bytecode: string };
  const factory = new ContractFactory(abi, bytecode, new NonceManager(chain.wallet("admin")));
  const contract = await factory.deploy(owner);
  await contract.waitForDeployment();
  return (await contract.getAddress()) as Hex;
}
