/** From a wallet with $AI1NET and no coin for gas to a paid, checked and settled answer. */
import OpenAI from "openai";
import { createPublicClient, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import {
  checkedFetch,
  checkSettlement,
  makeKey,
  readNetwork,
  sendDeposit,
  signDeposit,
  signerOf,
  signIn,
  termsOf,
  type Evidence,
  type InclusionJson,
} from "@ai1net/client";

const { PRIVATE_KEY, ROUTER_URL = "http://127.0.0.1:8080", RPC_URL = "http://127.0.0.1:8545" } = process.env;
const wallet = privateKeyToAccount(PRIVATE_KEY as `0x${string}`);
const chain = createPublicClient({ transport: http(RPC_URL) });
const network = await readNetwork(ROUTER_URL);

// One signature opens and funds the account; the router pays the gas.
const deposit = await signDeposit(network, signerOf(wallet), termsOf(wallet.address), parseEther("5"));
const { accountId } = await sendDeposit(network, deposit);

// Another one signs in, to make a key for stock SDKs.
const apiKey = await makeKey(network, await signIn(network, wallet), accountId, "example");

// Every answer's receipt is checked: who signed it, what it costs, for what.
const kept: Evidence[] = [];
const openai = new OpenAI({
  baseURL: `${network.routerUrl}/v1`,
  apiKey,
  fetch: checkedFetch(chain, network, { keep: (evidence) => kept.push(evidence) }),
});
const answer = await openai.chat.completions.create({
  model: "ai1net/solver",
  messages: [{ role: "user", content: "What is 12% of 50?" }],
});
console.log(answer.choices[0]?.message.content);

// A while later the request is settled: what was settled is what was signed.
for (const evidence of kept) {
  const { accountId: account, seq } = evidence.receipt;
  const url = `${network.routerUrl}/v1/receipts/${account}-${seq}/proof`;
  for (;;) {
    const response = await fetch(url, { headers: { authorization: `Bearer ${apiKey}` } });
    if (response.ok) {
      const inclusion = (await response.json()) as InclusionJson;
      const { batchNo, amountWei } = await checkSettlement(chain, network, evidence, inclusion);
      console.log(`settled in batch ${batchNo} for ${amountWei} wei`);
      break;
    }
    await new Promise((resolve) => void setTimeout(resolve, 1_000));
  }
}
