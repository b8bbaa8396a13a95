import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Wallet } from "ethers";
import { startChain, type LocalChain } from "../../scripts/demo/chain.ts";
import { freePort } from "../../scripts/demo/freePort.ts";
import { buildContracts } from "../../scripts/deploy/buildContracts.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(script: string, args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  const child: ChildProcess = spawn(process.execPath, [path.join(ROOT, "scripts", script), ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr?.on("data", (text: Buffer) => (stderr += text.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

describe("command lines", { timeout: 180_000 }, () => {
  const dir = mkdtempSync(path.join(tmpdir(), "ai1net-cli-"));
  after(() => rmSync(dir, { recursive: true, force: true }));
  const file = (name: string): string => path.join(dir, name);

  for (const script of ["start.ts", "deploy/main.ts", "payer/main.ts", "provider/main.ts"]) {
    it(`${script} explains itself`, async () => {
      const { code, stdout } = await run(script, ["--help"]);
      assert.equal(code, 0);
      assert.match(stdout, /Usage: npm (?:start|run \w+) --/u);
    });
  }

  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["start.ts", ["--port", "70000"], /a port is 1 to 65535/u],
    ["start.ts", ["--nonsense"], /unknown option/u],
    ["provider/main.ts", ["onboard"], /required option/u],
    ["provider/main.ts", ["nonsense"], /unknown command/u],
    [
      "provider/main.ts",
      ["onboard", "--endpoint", "ftp://x", "--model", "m", "--input-price", "1", "--output-price", "1"],
      /http/u,
    ],
    [
      "provider/main.ts",
      ["onboard", "--endpoint", "http://x", "--model", "m", "--input-price", "free", "--output-price", "1"],
      /amount of tokens/u,
    ],
    ["provider/main.ts", ["claim", "--data", "/nonexistent"], /npm start/u],
    ["payer/main.ts", ["deposit", "--amount", "-3"], /amount of tokens/u],
    ["payer/main.ts", ["balance", "--data", "/nonexistent"], /npm start/u],
    ["deploy/main.ts", [], /required option/u],
    ["deploy/main.ts", ["--rpc", "http://127.0.0.1:1", "--config", "/nonexistent", "--out", "x"], /ENOENT/u],
  ];
  for (const [script, args, message] of refused) {
    it(`${script} refuses ${args.join(" ") || "nothing"}`, async () => {
      const { code, stderr } = await run(script, args);
      assert.notEqual(code, 0);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /u, "no stack trace");
    });
  }

  describe("deploy", () => {
    const deployer = Wallet.createRandom();
    const holder = Wallet.createRandom().address;
    const config = {
      chainId: 31_337,
      holder,
      timelock: {
        delaySec: 3_600,
        proposers: [holder],
        executors: ["0x0000000000000000000000000000000000000000"],
      },
      minOperatorBond: "100000",
      minProviderStake: "1000",
      protocolFeeBps: 500,
      operatorShareBps: 5_000,
      penalty: "1000",
    };
    let chain: LocalChain;
    const args = (configFile: string, out: string): string[] => [
      "--rpc",
      chain.rpcUrl,
      "--config",
      configFile,
      "--out",
      out,
    ];
    const key = { AI1NET_DEPLOYER_KEY: deployer.privateKey };

    before(async () => {
      await buildContracts(() => undefined);
      mkdirSync(file("logs"));
      chain = await startChain(dir, await freePort(28_545), () => undefined);
      await chain.call("anvil_setBalance", [deployer.address, "0x56bc75e2d63100000"]);
      writeFileSync(file("config.json"), JSON.stringify(config));
    });
    after(() => chain.stop());

    it("deploys what the configuration says, and never prints the key", async () => {
      const { code, stdout, stderr } = await run(
        "deploy/main.ts",
        [...args(file("config.json"), file("out.json")), "--yes"],
        key,
      );
      assert.equal(code, 0, stderr);
      const out = JSON.parse(readFileSync(file("out.json"), "utf8")) as { contracts: Record<string, string> };
      assert.deepEqual(Object.keys(out.contracts), [
        "AI1NET",
        "Registry",
        "Escrow",
        "Ledger",
        "Disputes",
        "Reviews",
        "Rewards",
        "Challenges",
      ]);
      for (const address of Object.values(out.contracts))
        assert.notEqual(await chain.call("eth_getCode", [address, "latest"]), "0x");
      assert.match(stdout, /challenge 1 d, settle 1 d, selfSettle 2 d, exitNotice 7 d, unbonding 14 d/u);
      assert.ok(!`${stdout}${stderr}`.includes(deployer.privateKey.slice(2)));
    });

    it("overwrites nothing", async () => {
      const { code, stderr } = await run(
        "deploy/main.ts",
        [...args(file("config.json"), file("out.json")), "--yes"],
        key,
      );
      assert.equal(code, 1);
      assert.match(stderr, /exists already/u);
    });

    it("asks before it spends, so it does nothing without a terminal", async () => {
      const { code, stderr } = await run("deploy/main.ts", args(file("config.json"), file("out2.json")), key);
      assert.equal(code, 1);
      assert.match(stderr, /--yes/u);
      assert.ok(!existsSync(file("out2.json")));
    });

    const wrong: readonly (readonly [string, object, RegExp])[] = [
      [
        "another chain's configuration",
        { ...config, chainId: 1 },
        /is chain 31337, the configuration is for 1/u,
      ],
      ["a fee above the maximum", { ...config, protocolFeeBps: 1_001 }, /protocolFeeBps/u],
      ["a wrong address", { ...config, holder: "0x12" }, /holder: must be an address/u],
      ["an unknown field", { ...config, holdr: holder }, /holdr/u],
      [
        "windows that break a promise",
        {
          ...config,
          windows: {
            challenge: 60,
            settle: 60,
            selfSettle: 60,
            exitNotice: 180,
            unbonding: 900,
            maxPause: 60,
            grace: 60,
            epoch: 60,
          },
        },
        /windows.exitNotice: must exceed/u,
      ],
    ];
    for (const [what, content, message] of wrong) {
      it(`refuses ${what}`, async () => {
        writeFileSync(file("wrong.json"), JSON.stringify(content));
        const { code, stderr } = await run(
          "deploy/main.ts",
          [...args(file("wrong.json"), file("out3.json")), "--yes"],
          key,
        );
        assert.equal(code, 1);
        assert.match(stderr, message);
      });
    }

    it("refuses to go on without a key", async () => {
      const { code, stderr } = await run(
        "deploy/main.ts",
        [...args(file("config.json"), file("out4.json")), "--yes"],
        {
          AI1NET_DEPLOYER_KEY: "",
        },
      );
      assert.equal(code, 1);
      assert.match(stderr, /no key/u);
    });
  });
});
