import path from "node:path";

import type { ChainOptions, OpenedChain } from "../../router/adapters/chain/openChain.ts";
import { openFileJournal, type FileJournal } from "../../router/adapters/journal/fileJournal.ts";
import { openProjectedStore, type ProjectedStore } from "../../router/adapters/store/projectedStore.ts";
import { Watch } from "../../router/market/watch.ts";
import { AccountBook } from "../../router/model/account.ts";
import type { MarketSnapshot } from "../../router/model/market.ts";
import { SUPPLY_CAP_WEI } from "../../router/model/money.ts";
import { amountOf } from "../../router/model/offer.ts";
import type { Attempt } from "../../router/model/outcome.ts";
import { MAX_BATCH_GAS } from "../../router/settlement/build.ts";
import { Settlement } from "../../router/settlement/settle.ts";
import type { TestChain } from "./anvil.ts";
import { FAILED_ATTEMPT, sampleAttempt, sampleOutcome, silentLog, systemClock } from "./samples.ts";

/** The durable half of a router: journal, store, book, settlement. */
export interface DurableRouter {
  readonly chain: OpenedChain;
  readonly journal: FileJournal;
  readonly store: ProjectedStore;
  readonly accounts: AccountBook;
  readonly watch: Watch;
  readonly settlement: Settlement;
  serve(accountId: number, rows: number, appIds?: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

/** Opens it on `directory`; what is there goes on. */
export async function openDurableRouter(
  anvil: TestChain,
  directory: string,
  chainOptions: Partial<ChainOptions> = {},
): Promise<DurableRouter> {
  const { identity, signer, economy } = anvil;
  const chain = await anvil.open(chainOptions);
  const recorder = { identity, sign: signer.sign, clock: systemClock, log: silentLog };
  const journal = await openFileJournal({ ...recorder, directory: path.join(directory, "journal") });
  const store = await openProjectedStore({
    directory: path.join(directory, "store"),
    journal,
    identity,
    log: silentLog,
  });
  const accounts = new AccountBook();
  let market: MarketSnapshot | undefined;
  const watch = new Watch({
    chain,
    operatorId: identity.operatorId,
    accounts,
    counters: journal,
    store,
    onMarket: (snapshot) => (market = snapshot),
    onOperator: () => {},
    log: silentLog,
    pollMs: 50,
  });
  await watch.load();
  const offerOf = (offerId: number): MarketSnapshot["offers"][number] | undefined =>
    market?.offers.find((offer) => offer.offerId === offerId);
  const settlement = new Settlement({
    operatorId: identity.operatorId,
    store,
    journal,
    chain,
    clock: systemClock,
    log: silentLog,
    limits: { maxRows: 100, maxBytes: 120_000, maxGas: MAX_BATCH_GAS },
    maxAgeMs: 1_000,
    maxValueWei: () => SUPPLY_CAP_WEI,
    confirmations: 3,
    pollMs: 50,
    graceSec: chain.contracts.graceSec,
    offer: offerOf,
    leads: () => Promise.resolve(true),
    onMined: async (ids) => {
      for (const id of ids) await watch.loadAccount(id);
    },
    onFinal: (accountId, nextSeq) => void accounts.forget(accountId, nextSeq),
  });
  await settlement.open();
  return {
    chain,
    journal,
    store,
    accounts,
    watch,
    settlement,
    serve: async (accountId, rows, appIds = [0]) => {
      await watch.loadAccount(accountId);
      const { offerId } = economy.providers[0]!;
      const offer = offerOf(offerId)!;
      for (let i = 0; i < rows; i++) {
        const units = { inputUnits: 1_000 + i, outputUnits: 200 };
        const servedAtSec = Math.floor(Date.now() / 1000);
        const amountWei = amountOf(offer, units);
        const attempt = sampleAttempt({ ...units, offerId, amountWei, servedAtSec });
        const failed: Attempt = { ...FAILED_ATTEMPT, offerId, servedAtSec };
        const attempts = i % 5 === 0 ? [failed, attempt] : [attempt];
        const appId = appIds[i % appIds.length]!;
        const receipts = await journal.commit({ ...sampleOutcome(accountId, attempts), appId });
        accounts.recorded(
          accountId,
          receipts.map(({ receipt }) => ({
            seq: receipt.seq,
            costWei: receipt.amountWei,
            servedAtSec,
          })),
        );
      }
    },
    close: async () => {
      await settlement.stop();
      await watch.stop();
      await store.close();
      await journal.close();
    },
  };
}
