import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { Network } from "../../client/index.ts";
import type { Hex } from "../../router/model/bytes.ts";
import { parseTokens } from "../../router/model/money.ts";
import { startTestChain, type TestChain } from "../fakes/anvil.ts";

const EXAMPLE = fileURLToPath(new URL("../../client/examples/exit.ts", import.meta.url));

describe("leaving with no router at all", () => {
  let chain: TestChain;
  before(async () => {
    chain = await startTestChain();
  });
  after(() => chain.stop());

  it("announces, waits the notice, and withdraws, by the example", async () => {
    const { contracts, operatorId, accountId, payer } = chain.economy;
    const network: Network = {
      routerUrl: "http://127.0.0.1:9",
      chainId: chain.identity.chainId,
      operatorId,
      payee: payer as Hex,
      contracts: {
        ledger: contracts.Ledger as Hex,
        registry: contracts.Registry as Hex,
        escrow: contracts.Escrow as Hex,
        token: contracts.AI1NET as Hex,
        disputes: contracts.Disputes as Hex,
        challenges: contracts.Challenges as Hex,
      },
    };
    const run = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const env = {
          ...process.env,
          PRIVATE_KEY: chain.wallet("payer").privateKey,
          NETWORK: JSON.stringify(network),
          ACCOUNT: String(accountId),
          RPC_URL: chain.rpcUrl,
        };
        execFile(process.execPath, [EXAMPLE], { env }, (error, stdout, stderr) => {
          if (error) reject(new Error(stderr));
          else resolve(stdout);
        });
      });
    const { token, escrow } = chain.contracts("admin");
    const heldWei = await token.balanceOf(payer);
    assert.match(await run(), /^announced 1000000000000000000000 wei/);
    assert.match(await run(), /^the notice ends in \d+ s/);
    await chain.call("evm_increaseTime", Number(await escrow.exitNotice()) + 1);
    await chain.call("evm_mine");
    assert.match(await run(), /^withdrew 1000000000000000000000 wei/);
    assert.equal((await token.balanceOf(payer)) - heldWei, parseTokens("1000"));
  });
});
