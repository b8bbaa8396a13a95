/** `npm run payer` on a chain where no router is. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Wallet } from "ethers";

import { parseTokens } from "../../router/model/money.ts";
import { economyFilePath, type EconomyFile } from "../../scripts/economyFile.ts";
import { mined } from "../../scripts/mined.ts";
import { startTestChain, type TestChain } from "../fakes/anvil.ts";

const PAYER = fileURLToPath(new URL("../../scripts/payer/main.ts", import.meta.url));

describe("npm run payer, with the router gone", () => {
  const data = mkdtempSync(path.join(os.tmpdir(), "ai1net-payer-"));
  const owner = Wallet.createRandom();
  let chain: TestChain;

  before(async () => {
    chain = await startTestChain();
    const { economy, identity, rpcUrl } = chain;
    const { payer, accountId, treasury, operatorId, contracts } = economy;
    const file: EconomyFile = {
      rpcUrl,
      chainId: identity.chainId,
      routerUrl: "http://127.0.0.1:9",
      operatorId,
      contracts,
      demo: { apiKey: "", payer, accountId, treasury, providers: [] },
    };
    writeFileSync(economyFilePath(data), JSON.stringify(file));
    await chain.call("anvil_setBalance", owner.address, "0xde0b6b3a7640000");
    await mined(chain.contracts("admin").token.transfer(owner.address, parseTokens("10")));
  });
  after(async () => {
    await chain.stop();
    rmSync(data, { recursive: true, force: true });
  });

  const payer = (...args: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, AI1NET_PAYER_KEY: owner.privateKey };
      execFile(process.execPath, [PAYER, "--data", data, ...args], { env }, (error, stdout, stderr) => {
        if (error) reject(new Error(stderr));
        else resolve(stdout);
      });
    });
  const tokensWei = (): Promise<bigint> => chain.contracts("admin").token.balanceOf(owner.address);

  it("takes the money of a strict account out: announced, waited for, withdrawn", async () => {
    const { escrow } = chain.contracts("admin");
    await assert.rejects(payer("--strict", "exit"), /there is no account yet/u);
    await payer("deposit", "--amount", "4");
    assert.match(await payer("--strict", "deposit", "--amount", "6"), /deposited 6 \$AI1NET/u);
    assert.equal(await tokensWei(), 0n);

    await assert.rejects(payer("--strict", "withdraw"), /nothing was announced/u);
    // The option works on either side of the command.
    assert.match(await payer("exit", "--strict"), /6 \$AI1NET can be withdrawn from/u);
    const { operatorId } = chain.economy;
    const terms = (strict: boolean) => ({
      owner: owner.address,
      operatorId,
      signer: owner.address,
      strict,
      maxAppFeePct: 20,
    });
    const accountId = await escrow.accountIdOf(terms(true));
    assert.equal((await escrow.termsOf(accountId)).strict, true);
    assert.equal((await escrow.exitOf(accountId)).amount, parseTokens("6"));
    await assert.rejects(payer("--strict", "withdraw"), /the notice ends at/u);

    await chain.call("evm_increaseTime", Number(await escrow.exitNotice()) + 1);
    await chain.call("evm_mine");
    assert.match(await payer("--strict", "withdraw"), /6 \$AI1NET paid to/u);
    assert.equal(await tokensWei(), parseTokens("6"));
    assert.equal((await escrow.account(accountId)).balance, 0n);
    const other = await escrow.accountIdOf(terms(false));
    assert.equal((await escrow.account(other)).balance, parseTokens("4"), "the other account is left alone");
  });
});
