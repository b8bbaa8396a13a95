/** Takes everything out of an account again: announce, wait the notice, withdraw. Needs no router, only the contracts. */
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { exitOf, requestExit, withdraw, type Network } from "@ai1net/client";

const { PRIVATE_KEY, NETWORK = "", ACCOUNT = "", RPC_URL = "http://127.0.0.1:8545" } = process.env;
/** What `readNetwork` once gave, kept where the router can't lose it. */
const network = JSON.parse(NETWORK) as Network;
const accountId = Number(ACCOUNT);
const chain = defineChain({
  id: network.chainId,
  name: "AI1NET",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [RPC_URL] } },
});
const client = createPublicClient({ chain, transport: http() });
const wallet = createWalletClient({
  chain,
  transport: http(),
  account: privateKeyToAccount(PRIVATE_KEY as `0x${string}`),
});

const state = await exitOf(client, network, accountId);
const nowSec = Number((await client.getBlock()).timestamp);
if (state.readyAtSec === undefined) {
  const hash = await requestExit(wallet, network, accountId, state.balanceWei);
  await client.waitForTransactionReceipt({ hash });
  console.log(`announced ${state.balanceWei} wei; run this again in ${state.noticeSec} s`);
} else if (state.readyAtSec > nowSec) {
  console.log(`the notice ends in ${state.readyAtSec - nowSec} s`);
} else {
  await client.waitForTransactionReceipt({ hash: await withdraw(wallet, network, accountId) });
  console.log(`withdrew ${state.amountWei} wei`);
}
