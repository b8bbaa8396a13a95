/** Where the command line works, and as whom. */
import { JsonRpcProvider, NonceManager, Wallet, parseEther, toQuantity } from "ethers";

import type { AI1NET, Disputes, Escrow, Ledger, Registry } from "../../types/contracts/index.ts";
import { contractsOf } from "../deploy/deploy.ts";
import { readEconomyFile, type EconomyFile } from "../economyFile.ts";
import { OwnerKeyError, ownerKey } from "./ownerKey.ts";

export interface Connection {
  readonly economy: EconomyFile;
  readonly rpc: JsonRpcProvider;
  readonly wallet: NonceManager;
  readonly address: string;
  readonly token: AI1NET;
  readonly registry: Registry;
  readonly escrow: Escrow;
  readonly ledger: Ledger;
  readonly disputes: Disputes;
  close(): void;
}

/** What the command line can't work with; the message says what to do. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

const DEV_CHAIN_ID = 31_337;
const FUNDS_WEI = parseEther("5000");

/**
 * Connects to the economy that `dataDir/dev.json` describes. The key is `AI1NET_PROVIDER_KEY`; on the demo's own chain an
 * identity is made, kept in `dataDir` and funded by the demo's treasury instead.
 * @throws {ConnectionError}
 * @throws {NoEconomy}
 */
export async function connect(dataDir: string): Promise<Connection> {
  const economy = readEconomyFile(dataDir);
  const rpc = new JsonRpcProvider(economy.rpcUrl, economy.chainId, {
    staticNetwork: true,
    pollingInterval: 200,
  });
  try {
    const chainId = Number(await rpc.send("eth_chainId", []));
    if (chainId !== economy.chainId)
      throw new ConnectionError(`${economy.rpcUrl} is chain ${chainId}, expected ${economy.chainId}`);
    const wallet = walletOf(economy, dataDir, rpc);
    const address = await wallet.getAddress();
    const contracts = contractsOf(economy.contracts, wallet);
    const connection = { economy, rpc, wallet, address, ...contracts, close: () => rpc.destroy() };
    if (economy.chainId === DEV_CHAIN_ID) await fund(connection);
    return connection;
  } catch (error) {
    rpc.destroy();
    if (error instanceof ConnectionError || error instanceof OwnerKeyError) throw error;
    throw new ConnectionError(`no chain answers at ${economy.rpcUrl}: is "npm start" running?`, {
      cause: error,
    });
  }
}

export function isDevChain({ economy }: Connection): boolean {
  return economy.chainId === DEV_CHAIN_ID;
}

function walletOf(economy: EconomyFile, dataDir: string, rpc: JsonRpcProvider): NonceManager {
  const given = process.env["AI1NET_PROVIDER_KEY"];
  if (given !== undefined && given !== "") {
    try {
      return new NonceManager(new Wallet(given, rpc));
    } catch {
      throw new ConnectionError("AI1NET_PROVIDER_KEY is no private key: 0x and 64 hex digits");
    }
  }
  if (economy.chainId !== DEV_CHAIN_ID)
    throw new ConnectionError("set AI1NET_PROVIDER_KEY to the private key of the provider's owner");
  return new NonceManager(new Wallet(ownerKey(dataDir), rpc));
}

/** Gives the demo's provider gas and tokens; the demo's chain lets the treasury speak without its key. */
async function fund({ rpc, address, token, economy }: Connection): Promise<void> {
  if ((await rpc.getBalance(address)) < parseEther("1"))
    await rpc.send("anvil_setBalance", [address, toQuantity(parseEther("100"))]);
  if ((await token.balanceOf(address)) >= FUNDS_WEI) return;
  const { treasury } = economy.demo;
  await rpc.send("anvil_setBalance", [treasury, toQuantity(parseEther("100"))]);
  await rpc.send("anvil_impersonateAccount", [treasury]);
  try {
    const from = await rpc.getSigner(treasury);
    const transfer = await token.connect(from).transfer(address, FUNDS_WEI);
    await transfer.wait();
  } finally {
    await rpc.send("anvil_stopImpersonatingAccount", [treasury]);
  }
}
