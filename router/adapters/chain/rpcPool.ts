/** Several RPC endpoints of one chain as one transport: whoever answers well is asked. */
import { http, type Transport } from "viem";

import type { Hex } from "../../model/bytes.ts";
import type { Logger } from "../../ports.ts";
import { isNodeTrouble } from "./nodeTrouble.ts";
import { WrongChain } from "./wrongChain.ts";

export interface RpcPoolOptions {
  /** In order of preference. */
  readonly urls: readonly string[];
  readonly chainId: number;
  readonly ledger: Hex;
  readonly log: Logger;
  /** How long one endpoint may take for one call; default 10,000. */
  readonly timeoutMs?: number;
  /** How often endpoints are compared, if there are several; default 10,000. */
  readonly checkEveryMs?: number;
  /** How long an endpoint is left alone after its first failure; doubles; default 5,000. */
  readonly penaltyMs?: number;
}

/** An endpoint as the operator may see it; a URL may hold a secret, its host does not. */
export interface RpcStatus {
  readonly host: string;
  readonly state: "good" | "lagging" | "down" | "foreign";
  /** Whether the next call goes there. */
  readonly isCurrent: boolean;
}

type Request = ReturnType<Transport>["request"];
/** The same, of any method. */
type Ask = (
  call: { readonly method: string; readonly params?: unknown },
  options?: unknown,
) => Promise<unknown>;

interface Endpoint {
  readonly host: string;
  readonly ask: Ask;
  /** It has shown that it is of the same chain, and has not failed since. */
  isVerified: boolean;
  isForeign: boolean;
  isLagging: boolean;
  failures: number;
  retryAtMs: number;
  verifying: Promise<void> | undefined;
}

const CALLS_AT_ONCE = 200;
const LONGEST_PENALTY_MS = 60_000;
/** Tries per call, so that a single endpoint gets a second and a third chance. */
const MIN_TRIES = 3;
const RETRY_PAUSE_MS = 150;

/**
 * Asks the first endpoint that is well, and the next one when it fails. None is believed before it has shown the
 * configured chain, the Ledger's code and the same first block as the others, nor after a failure before it has shown
 * them again: two chains are never mixed. An endpoint whose head stays behind what another had at the last look is
 * passed over. Transactions may reach several endpoints: by their nonce they count once.
 */
export class RpcPool {
  readonly #options: RpcPoolOptions;
  readonly #endpoints: readonly Endpoint[];
  /** What every endpoint must show; the first that answers sets it. */
  #identity: string | undefined;
  #checkAtMs = 0;
  #checking: Promise<void> | undefined;
  /** The best head at the last look. */
  #bestHead = 0n;
  #current: Endpoint | undefined;

  constructor(options: RpcPoolOptions) {
    this.#options = options;
    this.#endpoints = options.urls.map((url) => {
      const transport = http(url, {
        batch: { batchSize: CALLS_AT_ONCE, wait: 0 },
        retryCount: 0,
        timeout: options.timeoutMs ?? 10_000,
      });
      return {
        host: new URL(url).host,
        ask: transport({}).request as Ask,
        isVerified: false,
        isForeign: false,
        isLagging: false,
        failures: 0,
        retryAtMs: 0,
        verifying: undefined,
      };
    });
  }

  /**
   * Looks at every endpoint once. One that does not answer may do so later.
   * @throws {WrongChain} when one is of another chain; whatever the last one failed with, when none answers
   */
  async open(): Promise<void> {
    const results = await Promise.allSettled(this.#endpoints.map((endpoint) => this.#verify(endpoint)));
    const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
    const foreign = failures.find((reason) => reason instanceof WrongChain);
    if (foreign || failures.length === this.#endpoints.length) throw foreign ?? failures.at(-1);
    this.#checkAtMs = performance.now() + this.#checkEveryMs;
  }

  status(): RpcStatus[] {
    const current = this.#pick(new Set());
    return this.#endpoints.map((endpoint) => ({
      host: endpoint.host,
      state: endpoint.isForeign
        ? "foreign"
        : !endpoint.isVerified
          ? "down"
          : endpoint.isLagging
            ? "lagging"
            : "good",
      isCurrent: endpoint === current,
    }));
  }

  /** For viem. */
  readonly transport: Transport = () => ({
    config: {
      key: "rpcPool",
      name: "RPC pool",
      type: "rpcPool",
      retryCount: 0,
      request: this.#request as Request,
    },
    request: this.#request as Request,
  });

  readonly #request: Ask = async (call, callOptions) => {
    this.#look();
    const tried = new Set<Endpoint>();
    const tries = Math.max(MIN_TRIES, this.#endpoints.length);
    for (let tryNo = 1; ; tryNo++) {
      if (tried.size === this.#endpoints.length) {
        tried.clear();
        await new Promise((resolve) => void setTimeout(resolve, RETRY_PAUSE_MS * tryNo));
      }
      const endpoint = this.#pick(tried);
      tried.add(endpoint);
      try {
        await this.#verify(endpoint);
        const result = await endpoint.ask(call, callOptions);
        this.#use(endpoint);
        return result;
      } catch (error) {
        const isForeign = error instanceof WrongChain;
        if (!isForeign && !isNodeTrouble(error)) throw error;
        if (!isForeign) this.#failed(endpoint, error);
        if (tryNo >= tries) throw error;
      }
    }
  };

  get #checkEveryMs(): number {
    return this.#options.checkEveryMs ?? 10_000;
  }

  /** The best of those that were not tried yet: those that are well by preference, then whichever may be back first. */
  #pick(tried: ReadonlySet<Endpoint>): Endpoint {
    const left = this.#endpoints.filter((endpoint) => !tried.has(endpoint));
    const well = left.filter((endpoint) => endpoint.isVerified);
    return (
      well.find((endpoint) => !endpoint.isLagging) ??
      well[0] ??
      (left.toSorted(
        (a, b) => Number(a.isForeign) - Number(b.isForeign) || a.retryAtMs - b.retryAtMs,
      )[0] as Endpoint)
    );
  }

  #use(endpoint: Endpoint): void {
    endpoint.failures = 0;
    if (endpoint === this.#current) return;
    if (this.#current)
      this.#options.log.warn({ host: endpoint.host }, "chain: calls go to another RPC endpoint now");
    this.#current = endpoint;
  }

  #failed(endpoint: Endpoint, err: unknown): void {
    endpoint.failures++;
    const { penaltyMs = 5_000 } = this.#options;
    const waitMs = Math.min(LONGEST_PENALTY_MS, penaltyMs * 2 ** Math.min(endpoint.failures - 1, 10));
    endpoint.retryAtMs = performance.now() + waitMs;
    if (!endpoint.isVerified) return;
    endpoint.isVerified = false;
    this.#options.log.debug({ err, host: endpoint.host }, "chain: an RPC endpoint fails");
  }

  /** Makes an endpoint show which chain it is of, unless it has. @throws {WrongChain} */
  #verify(endpoint: Endpoint): Promise<void> {
    if (endpoint.isVerified) return Promise.resolve();
    endpoint.verifying ??= this.#identify(endpoint).finally(() => (endpoint.verifying = undefined));
    return endpoint.verifying;
  }

  async #identify(endpoint: Endpoint): Promise<void> {
    const { chainId, ledger } = this.#options;
    const [actual, code, block] = await Promise.all([
      endpoint.ask({ method: "eth_chainId" }),
      endpoint.ask({ method: "eth_getCode", params: [ledger, "latest"] }),
      endpoint.ask({ method: "eth_getBlockByNumber", params: ["0x0", false] }),
    ]);
    const problem =
      Number(actual) !== chainId
        ? `is of chain ${Number(actual)}, expected ${chainId}`
        : code === "0x"
          ? `has no contract at ${ledger}`
          : undefined;
    if (problem !== undefined) throw this.#foreign(endpoint, problem);
    const identity = `${(block as { hash: string } | null)?.hash} ${String(code)}`;
    this.#identity ??= identity;
    if (identity !== this.#identity)
      throw this.#foreign(endpoint, "is of another chain than the others, or has another Ledger");
    endpoint.isForeign = false;
    endpoint.isLagging = false;
    endpoint.isVerified = true;
  }

  #foreign(endpoint: Endpoint, problem: string): WrongChain {
    const message = `the RPC at ${endpoint.host} ${problem}`;
    if (!endpoint.isForeign)
      this.#options.log.error({ host: endpoint.host }, `chain: ${message}; it is not used`);
    endpoint.isForeign = true;
    endpoint.isVerified = false;
    endpoint.retryAtMs = performance.now() + LONGEST_PENALTY_MS;
    return new WrongChain(message);
  }

  /** From time to time, beside the calls: who is back, who lags behind? */
  #look(): void {
    if (this.#endpoints.length === 1 || performance.now() < this.#checkAtMs || this.#checking) return;
    this.#checkAtMs = performance.now() + this.#checkEveryMs;
    this.#checking = this.#compare().finally(() => (this.#checking = undefined));
  }

  async #compare(): Promise<void> {
    const now = performance.now();
    const heads = await Promise.all(
      this.#endpoints.map(async (endpoint) => {
        if (!endpoint.isVerified && endpoint.retryAtMs > now) return undefined;
        try {
          await this.#verify(endpoint);
          return BigInt((await endpoint.ask({ method: "eth_blockNumber" })) as Hex);
        } catch (error) {
          if (!(error instanceof WrongChain)) this.#failed(endpoint, error);
          return undefined;
        }
      }),
    );
    const known = heads.filter((head) => head !== undefined);
    const isAnyUpToDate = known.some((head) => head >= this.#bestHead);
    for (const [i, head] of heads.entries()) {
      if (head === undefined) continue;
      const endpoint = this.#endpoints[i] as Endpoint;
      const isLagging = isAnyUpToDate && head < this.#bestHead;
      if (isLagging && !endpoint.isLagging)
        this.#options.log.warn(
          { host: endpoint.host, head },
          "chain: an RPC endpoint lags behind the others",
        );
      endpoint.isLagging = isLagging;
    }
    this.#bestHead = known.reduce((best, head) => (head > best ? head : best), 0n);
  }
}
