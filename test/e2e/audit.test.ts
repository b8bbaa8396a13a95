import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { toHex } from "../../router/model/bytes.ts";
import { receiptJson } from "../../router/request/receiptJson.ts";
import { buildContracts } from "../../scripts/deploy/buildContracts.ts";
import { contractsOf } from "../../scripts/deploy/deploy.ts";
import { startAnvil, type Anvil } from "./fixtures/anvil.ts";
import { playAuditScene, type AuditScene } from "./fixtures/auditScene.ts";
import { findSlot, mappingSlot, setStorage } from "./fixtures/findSlot.ts";
import { RpcFault, startRpcProxy, type Tamper } from "./fixtures/rpcProxy.ts";

const MAIN = fileURLToPath(new URL("../../scripts/audit/main.ts", import.meta.url));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Report {
  readonly rows: number;
  readonly mismatches: number;
  readonly batches: number;
  readonly failedRows: number;
  readonly accounts: number;
  readonly providers: number;
  readonly solvent: boolean;
  readonly owedWei: string;
  readonly shortfallWei: string;
  readonly appFeesWei: string;
  readonly details: readonly { name: string; where: string; expected: string; actual: string }[];
}

/** Runs the command line as people do. */
async function run(...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

describe("npm run audit", () => {
  let anvil: Anvil;
  let scene: AuditScene;
  let snapshot: unknown;
  const folder = mkdtempSync(path.join(os.tmpdir(), "ai1net-audit-"));

  before(async () => {
    await buildContracts((line) => console.error(line));
    anvil = await startAnvil();
    scene = await playAuditScene(anvil);
    snapshot = await anvil.provider.send("evm_snapshot", []);
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await anvil.stop();
  });

  const audit = async (url = anvil.url, ...args: readonly string[]): Promise<Outcome> =>
    run("--rpc", url, "--ledger", scene.deployment.Ledger, ...args);
  const auditJson = async (url?: string): Promise<Report & { code: number }> => {
    const { code, stdout, stderr } = await audit(url, "--json");
    assert.notEqual(code, 2, stderr);
    return { code, ...(JSON.parse(stdout) as Report) };
  };
  const names = ({ details }: Report): string[] => details.map(({ name, where }) => `${where}: ${name}`);
  /** Audits through an endpoint that lies, and the chain again after it was changed. */
  const auditTampered = async (tamper: Tamper): Promise<Report & { code: number }> => {
    const proxy = await startRpcProxy(anvil.url, tamper);
    try {
      return await auditJson(proxy.url);
    } finally {
      await proxy.stop();
    }
  };
  const auditChanged = async (change: () => Promise<void>): Promise<Report & { code: number }> => {
    await change();
    try {
      return await auditJson();
    } finally {
      await anvil.provider.send("evm_revert", [snapshot]);
      snapshot = await anvil.provider.send("evm_snapshot", []);
    }
  };

  describe("of an honest chain", () => {
    it("recomputes every row and finds no mismatch", async () => {
      const { code, ...report } = await auditJson();
      assert.deepEqual(report.details, []);
      assert.equal(code, 0);
      assert.equal(report.mismatches, 0);
      const { batches, rows, failedRows } = report;
      assert.deepEqual({ batches, rows, failedRows }, scene.counted);
      assert.deepEqual([report.accounts, report.providers, report.solvent], [4, 2, true]);
      assert.ok(BigInt(report.shortfallWei) > 0n, "the history has a shortfall");
      assert.ok(BigInt(report.appFeesWei) > 0n, "the history has app fees");
      const { escrow } = contractsOf(scene.deployment, await anvil.provider.getSigner(0));
      assert.equal(report.owedWei, String(await escrow.owed()));
    });

    it("prints a table for people", async () => {
      const { code, stdout } = await audit();
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`rows +${scene.counted.rows}\n`));
      assert.match(stdout, / rows, 0 mismatches: /);
    });

    it("audits an older block as it was then", async () => {
      const { txHash } = scene.settlements[1]!;
      const receipt = await anvil.provider.getTransactionReceipt(txHash);
      const { code, stdout, stderr } = await audit(
        anvil.url,
        "--json",
        "--block",
        String(receipt?.blockNumber),
      );
      assert.equal(code, 0, stderr);
      assert.equal((JSON.parse(stdout) as Report).batches, 2);
    });

    it("gets along with an endpoint that answers for few blocks at once and forgets old states", async () => {
      let refused = 0;
      const proxy = await startRpcProxy(anvil.url, ({ method, params }, result) => {
        if (method === "eth_getCode" && Number(params[1]) < 20)
          throw new RpcFault(-32_000, "missing trie node");
        if (method !== "eth_getLogs") return result;
        const [{ fromBlock, toBlock }] = params as [{ fromBlock: string; toBlock: string }];
        if (Number(toBlock) - Number(fromBlock) < 10) return result;
        refused++;
        throw new RpcFault(-32_005, "query exceeds 10 blocks");
      });
      try {
        const { code, ...report } = await auditJson(proxy.url);
        assert.equal(code, 0);
        assert.equal(report.rows, scene.counted.rows);
        assert.ok(refused > 0);
      } finally {
        await proxy.stop();
      }
    });
  });

  describe("of a lie", () => {
    it("names the batch of which one byte of calldata was changed", async () => {
      const { txHash, batchNo, batch } = scene.settlements[1]!;
      const { code, ...report } = await auditTampered(({ method }, result) => {
        const transaction = result as { hash?: string; input: string };
        if (method !== "eth_getTransactionByHash" || transaction.hash !== txHash) return result;
        // The last byte is the last row's timing: nothing else than the metrics hangs on it.
        const bytes = toHex(batch).slice(2);
        const other = `${bytes.slice(0, -2)}${bytes.endsWith("01") ? "02" : "01"}`;
        return { ...transaction, input: transaction.input.replace(bytes, other) };
      });
      assert.equal(code, 1);
      assert.deepEqual(
        names(report).filter((name) => !name.endsWith(": weighted timing")),
        [`operator 1, batch ${batchNo}: commitment`],
      );
    });

    it("names a batch whose inner call is kept back", async () => {
      const { batchNo } = scene.settlements.at(-1)!;
      const { code, ...report } = await auditTampered(({ method }, result) => {
        if (method === "debug_traceTransaction") throw new RpcFault(-32_601, "method not found");
        return result;
      });
      assert.equal(code, 1);
      assert.equal(names(report)[0], `operator 1, batch ${batchNo}: unreadable batch`);
    });

    it("names a batch whose event is kept back", async () => {
      const { code, ...report } = await auditTampered(({ method }, result) =>
        method === "eth_getLogs"
          ? (result as { transactionHash: string }[]).filter(
              (log) => log.transactionHash !== scene.settlements[0]!.txHash,
            )
          : result,
      );
      assert.equal(code, 1);
      assert.ok(names(report).includes("operator 1, batch 1: batch number (I-03)"));
    });

    it("names the commitment of which one byte was changed", async () => {
      const { operatorId, batchNo } = scene.settlements[3]!;
      const { Ledger } = scene.deployment;
      const { ledger } = contractsOf(scene.deployment, await anvil.provider.getSigner(0));
      const commitment = BigInt(await ledger.commitmentOf(operatorId, batchNo));
      const { code, ...report } = await auditChanged(async () => {
        const slot = await findSlot(
          anvil.provider,
          Ledger,
          (variable) => mappingSlot(BigInt(batchNo), mappingSlot(BigInt(operatorId), variable)),
          (word) => word === commitment,
        );
        await setStorage(anvil.provider, Ledger, slot, (word) => word ^ (1n << 100n));
      });
      assert.equal(code, 1);
      assert.deepEqual(names(report), [`operator ${operatorId}, batch ${batchNo}: stored commitment (I-13)`]);
    });

    it("names the account whose balance was changed", async () => {
      const { Escrow } = scene.deployment;
      const { escrow } = contractsOf(scene.deployment, await anvil.provider.getSigner(0));
      const { balance, nextSeq } = await escrow.account(2);
      const { code, ...report } = await auditChanged(async () => {
        const slot = await findSlot(
          anvil.provider,
          Escrow,
          (variable) => variable + 2n,
          (word) => BigInt.asUintN(96, word) === balance && BigInt.asUintN(40, word >> 184n) === nextSeq,
        );
        await setStorage(anvil.provider, Escrow, slot, (word) => word - 1n);
      });
      assert.equal(code, 1);
      assert.deepEqual(names(report), ["account 2: balance"]);
      assert.deepEqual(report.details[0], {
        name: "balance",
        where: "account 2",
        expected: String(balance),
        actual: String(balance - 1n),
      });
    });

    it("names an Escrow that has less than it owes", async () => {
      const { AI1NET, Escrow } = scene.deployment;
      const { token } = contractsOf(scene.deployment, await anvil.provider.getSigner(0));
      const balance = await token.balanceOf(Escrow);
      const { code, ...report } = await auditChanged(async () => {
        const slot = await findSlot(
          anvil.provider,
          AI1NET,
          (variable) => mappingSlot(Escrow, variable),
          (word) => word === balance,
        );
        await setStorage(anvil.provider, AI1NET, slot, (word) => word - 1n);
      });
      assert.equal(code, 1);
      assert.equal(report.solvent, false);
      assert.deepEqual(names(report), ["Escrow: insolvent (I-01)"]);
    });
  });

  describe("of a receipt", () => {
    const check = async (changes: Parameters<AuditScene["signReceipt"]>[0] = {}) => {
      const file = path.join(folder, "receipt.json");
      writeFileSync(file, JSON.stringify(receiptJson(scene.signReceipt(changes))));
      const { code, stdout, stderr } = await audit(anvil.url, "--receipt", file, "--json");
      assert.notEqual(code, 2, stderr);
      const { verdict, where, details } = JSON.parse(stdout) as Record<string, unknown>;
      return { code, verdict, where, names: (details as Report["details"]).map(({ name }) => name) };
    };

    it("confirms one that was settled as signed", async () => {
      assert.deepEqual(await check(), {
        code: 0,
        verdict: "settled",
        where: "operator 1, batch 0",
        names: [],
      });
    });

    it("names what was settled otherwise", async () => {
      const { code, verdict, names: differing } = await check({ outputUnits: 901 });
      assert.deepEqual([code, verdict], [1, "refuted"]);
      assert.deepEqual(differing, ["output units"]);
    });

    it("tells one that is not settled yet", async () => {
      const { code, verdict } = await check({ seq: 1_000_000 });
      assert.deepEqual([code, verdict], [1, "not settled"]);
    });

    it("finds that a key is not the operator's", async () => {
      const { verdict, names: differing } = await check({ operatorId: 2, seq: 1_000_000 });
      assert.equal(verdict, "refuted");
      assert.deepEqual(differing, ["operator of the signing key"]);
    });
  });

  describe("that can't be made", () => {
    const failure = async (...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2, stderr);
      return stderr;
    };

    it("says which option is missing or wrong", async () => {
      assert.match(await failure(), /required option '--rpc <url>'/);
      assert.match(await failure("--rpc", "nowhere", "--ledger", "0x1"), /Give an http or https URL/);
      assert.match(await failure("--rpc", anvil.url, "--ledger", "0x1"), /Give 0x and 40 hex digits/);
    });

    it("says where there is no Ledger", async () => {
      const nobody = `0x${"99".repeat(20)}`;
      assert.match(await failure("--rpc", anvil.url, "--ledger", nobody), /no contract at 0x99/);
      const { AI1NET } = scene.deployment;
      assert.match(await failure("--rpc", anvil.url, "--ledger", AI1NET), /not an AI1NET Ledger/);
    });

    it("says that nobody answers", async () => {
      const stderr = await failure("--rpc", "http://127.0.0.1:1", "--ledger", scene.deployment.Ledger);
      assert.match(stderr, /is it running/);
    });

    it("says which file is no receipt", async () => {
      const missing = path.join(folder, "missing.json");
      assert.match((await audit(anvil.url, "--receipt", missing)).stderr, /Cannot read .*missing\.json/);
    });
  });
});
