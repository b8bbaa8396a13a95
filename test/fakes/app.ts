import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { Registry } from "prom-client";
import { createApp } from "../../router/http/app.ts";
import type { AppDeps } from "../../router/http/deps.ts";
import { Gate } from "../../router/http/gate.ts";
import { Sessions } from "../../router/http/sessions.ts";
import { Opinions } from "../../router/market/opinions.ts";
import { FakeExits } from "./exits.ts";
import { FakeFinder } from "./finder.ts";
import { FakeRelay } from "./relay.ts";
import { FakeSignIn } from "./signIn.ts";
import { FakeStore } from "./store.ts";
import { fakeWorld, OWNER, type FakeWorld } from "./world.ts";

export const ADMIN_TOKEN = "t".repeat(32);
/** Whose visitors may sign in. */
export const SITE = "app.example.com";

export interface RunningApp {
  readonly deps: AppDeps;
  readonly world: FakeWorld;
  readonly store: FakeStore;
  readonly server: Server;
  /** `http://127.0.0.1:...` */
  readonly origin: string;
}

/** The whole app on a socket, fakes behind; closed with the test. */
export async function runApp(
  test: Pick<TestContext, "after">,
  world: FakeWorld = fakeWorld(),
  overrides: Partial<AppDeps> = {},
): Promise<RunningApp> {
  const store = new FakeStore(world.journal);
  const deps: AppDeps = {
    world,
    catalog: world.market,
    store,
    chain: { account: async (accountId) => world.accounts.snapshot(accountId) },
    finder: new FakeFinder(() =>
      world.accounts.accountIds().flatMap((id) => world.accounts.snapshot(id) ?? []),
    ),
    sessions: new Sessions({
      journal: world.journal,
      store,
      signIn: new FakeSignIn(),
      clock: world.clock,
      chainId: 31_337,
      allowsDomain: (domain) => domain === SITE,
      secret: ADMIN_TOKEN,
    }),
    relay: new FakeRelay(),
    exits: new FakeExits(),
    opinions: new Opinions({
      quality: world.quality,
      modelOf: (listingId) => world.market.listing(listingId)?.modelId,
    }),
    reviews: { relay: async () => "busy" },
    wallets: undefined,
    network: {
      chainId: 31_337,
      operatorId: 3,
      payee: OWNER,
      contracts: {
        ledger: OWNER,
        registry: OWNER,
        escrow: OWNER,
        token: OWNER,
        disputes: OWNER,
        challenges: OWNER,
        reviews: OWNER,
      },
      minDepositWei: 1_000n,
    },
    operatorId: 3,
    adminToken: ADMIN_TOKEN,
    corsOrigins: "*",
    proveRow: async () => undefined,
    verifyEndpoint: async () => undefined,
    refuseEndpoint: async () => undefined,
    refreshMarket: async () => undefined,
    registry: new Registry(),
    gate: new Gate(),
    problems: () => [],
    ...overrides,
  };
  const server = createServer(createApp(deps));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { deps, world, store, server, origin: `http://127.0.0.1:${port}` };
}
