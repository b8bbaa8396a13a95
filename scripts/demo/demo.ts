/** The whole demo: a chain, the contracts, a router, providers; started in order, supervised, stopped in order. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { JsonRpcProvider } from "ethers";
import { economyFilePath, readEconomyFile, type EconomyFile } from "../economyFile.ts";
import { announceEndpoint, servedEndpoints } from "../provider/routerApi.ts";
import { DEV_CHAIN_ID, startChain, type LocalChain } from "./chain.ts";
import type { Child } from "./child.ts";
import { devKeys, type DevKeys } from "./devKeys.ts";
import { buildHash, readEconomy, setUpEconomy, type DemoEconomy } from "./economy.ts";
import { freePort } from "./freePort.ts";
import { lockDataDir } from "./lock.ts";
import { DEMO_PROVIDERS, type DemoProvider } from "./providers/catalog.ts";
import { startDemoProvider, type DemoProviderProcess } from "./providerProcess.ts";
import { demoApiKey, ROUTER_STOP_MS, startRouter } from "./routerProcess.ts";

export interface DemoOptions {
  readonly dataDir: string;
  readonly routerPort: number;
  readonly chainPort: number;
  /** Is told each step that is done. */
  readonly done: (step: string) => void;
  /** Is told what is worth knowing besides. */
  readonly say: (line: string) => void;
}

export interface RunningDemo {
  readonly network: EconomyFile;
  /** Resolves with the reason when a process ended that should not have; never when it was stopped. */
  readonly failed: Promise<string>;
}

const PROVIDER_STOP_MS = 8_000;
const SERVED_MS = 30_000;
const LAST_LINES = 15;

function writeJson(file: string, value: object): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** A connection that sees each block soon, for one second is all it takes. */
const rpcAt = (url: string): JsonRpcProvider =>
  new JsonRpcProvider(url, DEV_CHAIN_ID, { staticNetwork: true, pollingInterval: 200, cacheTimeout: -1 });

/** The API key of the last run; undefined if there was none. */
function knownApiKey(dataDir: string): string | undefined {
  try {
    return readEconomyFile(dataDir).demo.apiKey;
  } catch {
    return undefined;
  }
}

/** The order in which processes stop: the router needs the others to settle. */
const STOP_ORDER: readonly { readonly name: RegExp; readonly marker: string }[] = [
  { name: /^router/u, marker: "router/main.ts" },
  { name: /^provider /u, marker: "providers/main.ts" },
  { name: /^chain/u, marker: "anvil" },
];

export class Demo {
  readonly #options: DemoOptions;
  readonly #files: {
    readonly dev: string;
    readonly economy: string;
    readonly chain: string;
    readonly router: string;
  };
  #chain: LocalChain | undefined;
  readonly #children: Child[] = [];
  #providers: DemoProviderProcess[] = [];
  #lock: Awaited<ReturnType<typeof lockDataDir>> | undefined;
  #chainPort = 0;
  #isStopping = false;
  #fail: (reason: string) => void = () => undefined;
  readonly #failed = new Promise<string>((resolve) => (this.#fail = resolve));

  constructor(options: DemoOptions) {
    this.#options = options;
    const file = (name: string): string => path.join(options.dataDir, name);
    this.#files = {
      dev: economyFilePath(options.dataDir),
      economy: file("economy.json"),
      chain: file("chain.json"),
      router: file("router"),
    };
  }

  /**
   * Starts it all; whoever calls has to call `stop` afterwards, also when this fails.
   * @throws {AlreadyRunning}
   */
  async start(): Promise<RunningDemo> {
    const { dataDir, done, say } = this.#options;
    mkdirSync(path.join(dataDir, "logs"), { recursive: true, mode: 0o700 });
    this.#lock = await lockDataDir(dataDir, say);
    const keys = devKeys(dataDir);
    const knownKey = knownApiKey(dataDir);

    const isFresh = !existsSync(this.#files.economy) || !existsSync(this.#files.chain);
    // A set-up that was interrupted has left things that fit nothing.
    if (isFresh)
      for (const file of Object.values(this.#files)) rmSync(file, { recursive: true, force: true });

    this.#chainPort = await this.#port("chain", this.#options.chainPort);
    this.#chain = await startChain(dataDir, this.#chainPort, this.#track);
    this.#supervise(this.#chain.child);
    done(`chain ${DEV_CHAIN_ID} at ${this.#chain.rpcUrl}${isFresh ? "" : ", where it was left"}`);
    const economy = await this.#economy(isFresh, keys, this.#chain);

    const routerPort = await this.#port("router", this.#options.routerPort);
    const [routerUrl] = await Promise.all([
      this.#startRouter(routerPort, keys, economy),
      this.#startProviders(keys),
    ]);
    done(`router ready at ${routerUrl}`);
    await this.#announce(routerUrl, keys, economy);
    done(
      `all ${new Set(DEMO_PROVIDERS.map(({ model }) => model)).size} models served by ${this.#providers.length} providers`,
    );

    const apiKey = await demoApiKey(routerUrl, keys, economy.accountId, isFresh ? undefined : knownKey);
    const network: EconomyFile = {
      rpcUrl: this.#chain.rpcUrl,
      chainId: DEV_CHAIN_ID,
      routerUrl,
      contracts: economy.contracts,
      operatorId: economy.operatorId,
      demo: {
        apiKey,
        payer: economy.payer,
        treasury: economy.treasury,
        accountId: economy.accountId,
        providers: economy.providers.map((provider, i) => ({
          ...provider,
          model: DEMO_PROVIDERS[i]?.model ?? "",
          baseUrl: this.#providers[i]?.baseUrl ?? "",
        })),
      },
    };
    writeJson(this.#files.dev, network);
    return { network, failed: this.#failed };
  }

  /** Router first: it ends what is in flight and settles it, for which it needs the others. */
  async stop(say: (line: string) => void): Promise<void> {
    this.#isStopping = true;
    const [routers = [], providers = [], chains = []] = STOP_ORDER.map(({ name }) =>
      this.#children.filter((child) => name.test(child.name) && child.isRunning()),
    );
    if (routers.length > 0) say("stopping the router: it ends the requests in flight and settles them");
    for (const router of routers) {
      if (!(await router.stop(ROUTER_STOP_MS)))
        say("the router did not end in time; it goes on with its journal");
    }
    await Promise.all(providers.map((child) => child.stop(PROVIDER_STOP_MS)));
    if (this.#chain?.child.isRunning()) {
      await this.#chain.stop();
      say("the chain is saved");
    }
    await Promise.all(chains.map((child) => child.stop(PROVIDER_STOP_MS)));
    this.#lock?.release();
  }

  /** Ends everything at once. The journal and the last saved chain are what the next start goes on with. */
  kill(): void {
    this.#isStopping = true;
    for (const child of this.#children) child.process.kill("SIGKILL");
    this.#lock?.release();
  }

  async #port(what: string, preferred: number): Promise<number> {
    const port = await freePort(preferred);
    if (port !== preferred) this.#options.say(`port ${preferred} is taken: the ${what} gets ${port}`);
    return port;
  }

  async #economy(isFresh: boolean, keys: DevKeys, chain: LocalChain): Promise<DemoEconomy> {
    const { done } = this.#options;
    if (!isFresh) {
      const economy = readEconomy(this.#files.economy);
      if (economy.build !== buildHash())
        throw new Error("the contracts have changed since this chain was set up: start once with --fresh");
      done("contracts, operator, providers and payer as they were");
      return economy;
    }
    const rpc = rpcAt(chain.rpcUrl);
    try {
      const economy = await setUpEconomy(rpc, keys, DEMO_PROVIDERS, done);
      await chain.save();
      writeJson(this.#files.economy, economy);
      return economy;
    } finally {
      rpc.destroy();
    }
  }

  async #startRouter(port: number, keys: DevKeys, economy: DemoEconomy): Promise<string> {
    const { dataDir, say } = this.#options;
    const options = { dataDir, port, rpcUrl: this.#chain?.rpcUrl ?? "", keys, economy, track: this.#track };
    this.#supervise(await startRouter(options), async () => {
      say("the router ended unexpectedly; starting it again, once");
      this.#supervise(await startRouter(options));
    });
    return `http://127.0.0.1:${port}`;
  }

  async #startProviders(keys: DevKeys): Promise<void> {
    const started = await Promise.allSettled(
      DEMO_PROVIDERS.map((demo) =>
        startDemoProvider(demo, this.#options.dataDir, keys.token(`endpoint/${demo.name}`), this.#track),
      ),
    );
    this.#providers = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    for (const { child } of this.#providers) this.#supervise(child);
    for (const result of started) if (result.status === "rejected") throw result.reason;
  }

  /** Tells the router where the listings are served, and waits until it has seen that they are. */
  async #announce(routerUrl: string, keys: DevKeys, demo: DemoEconomy): Promise<void> {
    const economy = { routerUrl, chainId: DEV_CHAIN_ID, contracts: demo.contracts };
    const rpc = rpcAt(this.#chain?.rpcUrl ?? "");
    const deadline = Date.now() + SERVED_MS;
    const announce = async ({ name, model }: DemoProvider, i: number): Promise<void> => {
      const listingId = demo.providers[i]?.listingId ?? 0;
      const settings = {
        listingId,
        baseUrl: this.#providers[i]?.baseUrl ?? "",
        upstreamModel: model,
        apiKey: keys.token(`endpoint/${name}`),
        maxOutputUnits: 4_096,
        contextUnits: 32_768,
      };
      await announceEndpoint({ economy, wallet: keys.wallet(`provider/${name}`, rpc) }, settings);
      const isServed = async (): Promise<boolean> =>
        (await servedEndpoints({ economy }, model)).some(
          (endpoint) => endpoint.listing_id === listingId && endpoint.status !== "down",
        );
      while (!(await isServed())) {
        if (Date.now() > deadline) throw new Error(`the router does not serve ${model} by ${name}`);
        await sleep(100);
      }
    };
    await Promise.all(DEMO_PROVIDERS.map(announce)).finally(() => rpc.destroy());
  }

  /** Knows of every process from its first moment on, here and, if this one is killed, in the lock. */
  readonly #track = (child: Child): void => {
    this.#children.push(child);
    if (this.#isStopping) child.process.kill("SIGKILL");
    const rpcUrl = `http://127.0.0.1:${this.#chainPort}`;
    const children = STOP_ORDER.flatMap(({ name, marker }) =>
      this.#children
        .filter((each) => name.test(each.name))
        .map((each) => ({ name: each.name, pid: each.pid, marker })),
    );
    this.#lock?.note({ rpcUrl, children });
  };

  #supervise(child: Child, restart?: () => Promise<void>): void {
    const watch = async (): Promise<void> => {
      const how = await child.exited;
      if (this.#isStopping) return;
      const reason = `${child.name} ended unexpectedly (${how}); its last lines, from ${child.logFile}:`;
      const lines = child.lastLines(LAST_LINES).map((line) => `    ${line}`);
      const report = [reason, ...lines].join("\n");
      if (!restart) {
        this.#fail(report);
        return;
      }
      this.#options.say(report);
      await restart().catch((error: unknown) =>
        this.#fail(error instanceof Error ? error.message : String(error)),
      );
    };
    void watch();
  }
}
