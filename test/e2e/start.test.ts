/** `npm start` as people live with it: start, paste the curl, list a model, be paid, stop, start again, be killed. */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../scripts/demo/freePort.ts";
import { DEMO_PROVIDERS } from "../../scripts/demo/providers/catalog.ts";
import { startProvider, type RunningProvider } from "../../scripts/demo/providers/server.ts";
import { buildContracts } from "../../scripts/deploy/buildContracts.ts";
import { readEconomyFile, type EconomyFile } from "../../scripts/economyFile.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const READY = "begins anew.";
const START_MS = 90_000;

interface Outcome {
  readonly code: number;
  readonly output: string;
}

function run(command: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: ROOT, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? -1) : 0, output: `${stdout}${stderr}` });
    });
  });
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("npm start", { timeout: 420_000 }, () => {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), "ai1net-start-"));
  const ports: string[] = [];
  const started: ChildProcess[] = [];
  const seen = new Set<number>();
  let output = "";
  let demo: ChildProcess;
  let economy: EconomyFile;
  let extra: RunningProvider;

  const script = (name: string, ...args: string[]): Promise<Outcome> =>
    run(process.execPath, [path.join(ROOT, "scripts", name), ...args]);
  const children = (): number[] => {
    const lock = JSON.parse(readFileSync(path.join(dataDir, "run.lock"), "utf8")) as {
      children: { pid: number }[];
    };
    return lock.children.map(({ pid }) => pid);
  };
  const ended = (child: ChildProcess): Promise<number | null> =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve(child.exitCode)
      : new Promise((resolve) => {
          child.once("exit", resolve);
        });

  async function start(): Promise<void> {
    output = "";
    demo = spawn(process.execPath, [path.join(ROOT, "scripts", "start.ts"), "--data", dataDir, ...ports], {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    started.push(demo);
    for (const stream of [demo.stdout, demo.stderr])
      stream?.on("data", (text: Buffer) => (output += text.toString()));
    for (const deadline = Date.now() + START_MS; !output.includes(READY); await sleep(100))
      assert.ok(demo.exitCode === null && Date.now() < deadline, output);
    economy = readEconomyFile(dataDir);
    for (const pid of children()) seen.add(pid);
  }

  async function audit(): Promise<{ rows: number; mismatches: number }> {
    const { code, output: text } = await script(
      "audit/main.ts",
      "--rpc",
      economy.rpcUrl,
      "--ledger",
      economy.contracts.Ledger,
    );
    assert.equal(code, 0, text);
    const [, rows = "", mismatches = ""] = /(\d+) rows?, (\d+) mismatch/u.exec(text) ?? [];
    return { rows: Number(rows), mismatches: Number(mismatches) };
  }

  async function settledRows(atLeast: number): Promise<void> {
    for (const deadline = Date.now() + 30_000; ; await sleep(500)) {
      const { rows, mismatches } = await audit();
      assert.equal(mismatches, 0);
      if (rows >= atLeast) return;
      assert.ok(Date.now() < deadline, `${rows} rows are settled, ${atLeast} expected`);
    }
  }

  const curl = (): Promise<Outcome> => {
    const line = output.split("\n").find((text) => text.trim().startsWith("curl "));
    assert.ok(line, output);
    return run("sh", ["-c", line]);
  };

  before(async () => {
    await buildContracts((line) => console.error(line));
    ports.push("--port", String(await freePort(38_080)), "--rpc-port", String(await freePort(38_545)));
    const solver = DEMO_PROVIDERS.find(({ model }) => model === "ai1net/solver");
    assert.ok(solver);
    extra = await startProvider({
      ability: solver.ability(),
      model: "ai1net/solver",
      pace: solver.pace,
      port: 0,
      apiKey: "sk-mine",
    });
    await start();
  });
  after(async () => {
    for (const child of started) {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGINT");
      await ended(child);
    }
    await extra.close(100);
    rmSync(dataDir, { recursive: true, force: true });
  });

  it("prints a curl that streams an answer when pasted", async () => {
    const { code, output: text } = await curl();
    assert.equal(code, 0, text);
    const events = text.split("\n").filter((line) => line.startsWith("data: "));
    assert.ok(events.length > 50);
    assert.equal(events.at(-1), "data: [DONE]");
  });

  it("writes what tools need, for its owner's eyes only", () => {
    assert.equal(statSync(path.join(dataDir, "dev.json")).mode & 0o777, 0o600);
    assert.equal(statSync(path.join(dataDir, "secret")).mode & 0o777, 0o600);
    assert.equal(economy.demo.providers.length, DEMO_PROVIDERS.length);
  });

  it("serves every model that it says", async () => {
    for (const model of new Set(DEMO_PROVIDERS.map((provider) => provider.model))) {
      const special: Readonly<Record<string, readonly [string, object]>> = {
        "ai1net/embedder": ["embeddings", { input: "hello" }],
        "ai1net/painter": ["images/generations", { prompt: "hello" }],
        "ai1net/speaker": ["audio/speech", { input: "hello", response_format: "pcm" }],
      };
      const messages = [{ role: "user", content: "1 + 1" }];
      const [endpoint, fields] = special[model] ?? ["chat/completions", { messages }];
      const response = await fetch(`${economy.routerUrl}/v1/${endpoint}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${economy.demo.apiKey}` },
        body: JSON.stringify({ model, ...fields }),
      });
      assert.equal(response.status, 200, `${model}: ${await response.clone().text()}`);
    }
    await settledRows(7);
  });

  it("paints, hums and writes on by the examples of the documentation", async () => {
    const readme = readFileSync(new URL("../../scripts/README.md", import.meta.url), "utf8");
    const example = /```sh\n(curl [\s\S]*?)```/u.exec(readme)?.[1];
    assert.ok(example, "there is an example");
    const here = example.replaceAll("http://127.0.0.1:8080", economy.routerUrl);
    const { code, output: text } = await run("sh", [
      "-ec",
      `cd "${dataDir}"; AI1NET_KEY=${economy.demo.apiKey}\n${here}`,
    ]);
    assert.equal(code, 0, text);
    const file = (name: string): Buffer => readFileSync(path.join(dataDir, name));
    assert.equal(file("picture.png").subarray(1, 4).toString("latin1"), "PNG");
    assert.equal(file("sound.wav").subarray(0, 4).toString("latin1"), "RIFF");
    const written = JSON.parse(file("text.json").toString()) as { choices: { text: string }[] };
    assert.match(written.choices[0]?.text ?? "", /= 6/u);
    assert.match(file("response.json").toString(), /= 6/u);
  });

  it("says so when it runs already", async () => {
    const { code, output: text } = await script("start.ts", "--data", dataDir);
    assert.equal(code, 1);
    assert.match(text, /already running on this data directory/u);
    assert.ok(isAlive(demo.pid ?? 0));
  });

  it("takes a provider's model within a minute, and pays what it earned", async () => {
    const startedAt = Date.now();
    const { code, output: text } = await script(
      "provider/main.ts",
      "--data",
      dataDir,
      "onboard",
      "--endpoint",
      extra.baseUrl,
      "--model",
      "acme/solver",
      "--upstream-model",
      "ai1net/solver",
      "--input-price",
      "0.05",
      "--output-price",
      "0.2",
      "--key",
      "sk-mine",
    );
    assert.equal(code, 0, text);
    assert.match(text, /first request served/u);
    assert.ok(Date.now() - startedAt < 60_000);
    const claimed = async (): Promise<bigint> => {
      const { output: json } = await script("provider/main.ts", "--data", dataDir, "claim", "--json");
      return BigInt((JSON.parse(json) as { claimedWei: string }[])[0]?.claimedWei ?? 0);
    };
    let paid = 0n;
    for (const deadline = Date.now() + 75_000; paid === 0n && Date.now() < deadline; await sleep(2_000))
      paid = await claimed();
    assert.ok(paid > 0n);
  });

  it("settles what is in flight when it is stopped, and leaves no process", async () => {
    const answer = curl();
    await sleep(1_000);
    demo.kill("SIGINT");
    assert.equal(await ended(demo), 0);
    assert.match((await answer).output, /data: \[DONE\]/u, "the stream in flight came to its end");
    assert.deepEqual([...seen].filter(isAlive), []);
  });

  it("goes on where it was stopped", async () => {
    const apiKey = economy.demo.apiKey;
    const ledger = economy.contracts.Ledger;
    await start();
    assert.equal(economy.demo.apiKey, apiKey);
    assert.equal(economy.contracts.Ledger, ledger);
    assert.match(output, /where it was left/u);
    await settledRows(7);
    assert.equal((await curl()).code, 0);
  });

  it("ends what a killed start left running, and loses no row", async () => {
    assert.equal((await curl()).code, 0);
    demo.kill("SIGKILL");
    await ended(demo);
    await start();
    assert.match(output, /ending the router/u);
    await settledRows(9);
  });

  it("starts a router that died once more, then gives up and says why", async () => {
    const router = (): number => {
      const lock = JSON.parse(readFileSync(path.join(dataDir, "run.lock"), "utf8")) as {
        children: { name: string; pid: number }[];
      };
      return lock.children.findLast(({ name }) => name === "router")?.pid ?? 0;
    };
    const first = router();
    process.kill(first, "SIGKILL");
    for (let i = 0; i < 200 && router() === first; i++) await sleep(100);
    const isReady = (): Promise<boolean> =>
      fetch(`${economy.routerUrl}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
    for (let i = 0; i < 200 && !(await isReady()); i++) await sleep(100);
    assert.ok(await isReady());
    await sleep(500);
    for (const pid of children()) seen.add(pid);
    process.kill(router(), "SIGKILL");
    assert.equal(await ended(demo), 1);
    assert.match(output, /router ended unexpectedly \(SIGKILL\); its last lines/u);
    assert.deepEqual([...seen].filter(isAlive), []);
  });
});
