/** Wallets on the running network: programs that have a private key and nothing else. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Wallet } from "ethers";

import { parseTokens } from "../../router/model/money.ts";
import { devKeys } from "../../scripts/demo/devKeys.ts";
import { startEconomy, type TestEconomy } from "./fixtures/economy.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

describe("wallets", () => {
  let economy: TestEconomy;
  before(async () => {
    economy = await startEconomy(21_380);
  });
  after(() => economy.stop());

  /** A wallet with tokens, and without a coin for gas. */
  async function walletWith(tokens: string): Promise<Wallet> {
    const wallet = Wallet.createRandom();
    const treasury = devKeys(economy.dataDir).wallet("admin", economy.rpc);
    const transfer = await economy.contracts.token
      .connect(treasury)
      .transfer(wallet.address, parseTokens(tokens));
    await transfer.wait();
    return new Wallet(wallet.privateKey);
  }

  /** Runs one of the documented programs. */
  async function run(file: string, privateKey: string): Promise<string> {
    const { routerUrl, rpcUrl } = economy.network;
    const env = { ...process.env, PRIVATE_KEY: privateKey, ROUTER_URL: routerUrl, RPC_URL: rpcUrl };
    return new Promise((resolve, reject) => {
      execFile(process.execPath, [file], { env, cwd: ROOT, timeout: 60_000 }, (error, stdout, stderr) => {
        if (error) reject(new Error(`${file}: ${error.message}\n${stderr}`));
        else resolve(stdout);
      });
    });
  }

  it("deposit without gas, ask, check and see it settled: the client's example", async () => {
    const wallet = await walletWith("10");
    const output = await run("client/examples/depositAndAsk.ts", wallet.privateKey);
    assert.match(output, /= 6/u);
    assert.match(output, /settled in batch \d+ for [1-9]\d* wei/u);
    assert.equal(await economy.rpc.getBalance(wallet.address), 0n);
    assert.equal(await economy.contracts.token.balanceOf(wallet.address), parseTokens("5"));
  });

  it("buy an answer with nothing but a private key: the README's program", async () => {
    const readme = readFileSync(path.join(ROOT, "README.md"), "utf8");
    const program = /```js\n([\s\S]*?PRIVATE_KEY[\s\S]*?)```/u.exec(readme)?.[1];
    assert.ok(program, "the README has the program");
    const wallet = await walletWith("1");
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module"], {
      input: program.replace("http://127.0.0.1:8080", economy.network.routerUrl),
      encoding: "utf8",
      cwd: ROOT,
      env: { ...process.env, PRIVATE_KEY: wallet.privateKey },
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /= 6/u);
    assert.equal(await economy.rpc.getBalance(wallet.address), 0n);
    assert.equal(await economy.contracts.token.balanceOf(wallet.address), 0n, "it is all in the account");
  });
});
