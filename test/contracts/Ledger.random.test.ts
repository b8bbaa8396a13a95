/** I-02 and I-14: whatever a batch holds, every wei goes where the rules say. */
import { expect } from "chai";

import type { Batch, Group, Row } from "../../router/model/batch.ts";
import type { Ledger } from "../../types/contracts/index.ts";
import { ethers, time } from "./fixtures/chain.ts";
import { signReceipt } from "./fixtures/evidence.ts";
import { fieldsOf } from "./fixtures/fieldsOf.ts";
import { LedgerModel, priceOf, type Settled } from "./fixtures/ledgerModel.ts";
import {
  Market,
  OPERATOR_SHARE_BPS,
  PROTOCOL_FEE_BPS,
  REBATE_SHARE_BPS,
  WINDOWS,
  type TestApp,
  type TestOffer,
} from "./fixtures/market.ts";
import { Random } from "./fixtures/random.ts";

const SEED = 0x5e771e;
const BATCHES = 240;
const ACCOUNTS = 12;
const OFFERS = 9;
const APPS = 4;
const FEE_CHANGE_EVERY = 40;
/** How often a provider settles a receipt before a batch. */
const SELF_SETTLED = 0.5;
const HOUR = 3_600;
const DAY = 24 * HOUR;
const EARNERS = { provider: 0, app: 1, operator: 2 } as const;

function randomRow(random: Random, offers: number): Row {
  const offerId = random.int(1, offers);
  if (random.chance(0.15)) return { offerId, inputUnits: 0, outputUnits: 0, timing: 0 };
  const units = () => random.pick([0, 1, random.int(0, 300), random.int(0, 40_000), 2 ** 24 - 1]);
  return { offerId, inputUnits: units(), outputUnits: units(), timing: random.int(1, 255) };
}

function randomGroups(random: Random, offers: number, apps: number): Group[] {
  return Array.from({ length: random.int(1, 12) }, () => ({
    accountId: random.int(1, ACCOUNTS),
    appId: random.int(0, apps),
    rows: Array.from({ length: random.int(1, 13) }, () => randomRow(random, offers)),
  }));
}

/** Offers whose rows cost from nothing to more than an account has, several of some listings and providers. */
async function deployRandomMarket(random: Random) {
  const market = await Market.deploy(ethers);
  const price = () => random.pick([0n, 1n, random.bigint(20), random.bigint(40), random.bigint(52)]);
  const prices = () => ({ inputPrice: price(), outputPrice: price(), requestPrice: price() });
  const offers: TestOffer[] = [];
  for (let i = 0; i < 3; i++) {
    const first = await market.addOffer(prices());
    const second = await market.addOffer(prices(), first);
    const third = await market.addOffer(prices(), await market.addListing(first.providerId));
    offers.push(first, second, third);
  }
  const apps: TestApp[] = [{ appId: 0, feeBps: 0 }];
  for (const feeBps of [1, 250, 500, 2_000]) apps.push(await market.addApp(feeBps));

  const model = new LedgerModel(offers, apps, OPERATOR_SHARE_BPS, REBATE_SHARE_BPS);
  for (let i = 0; i < ACCOUNTS; i++) {
    const balance = 1n + random.bigint(random.pick([20, 70, 80]));
    const maxAppFeePct = random.pick([0, 2, 3, 5, 20]);
    const accountId = await market.openAccount(balance, maxAppFeePct);
    model.accounts.set(accountId, { balance, credits: 0n, nextSeq: 0, maxAppFeePct });
  }
  return { market, model, offers };
}

/** Has a provider settle a receipt itself, for one of an account's next rows; tells whether it costs something. */
async function selfSettle(
  random: Random,
  { market, model }: { market: Market; model: LedgerModel },
  offers: readonly TestOffer[],
  feeAt: (servedAtSec: number) => bigint,
): Promise<boolean> {
  const accountId = random.int(1, ACCOUNTS);
  const seq = model.account(accountId).nextSeq + random.int(0, 20);
  const row = randomRow(random, OFFERS);
  const price = priceOf(offers[row.offerId - 1] as TestOffer, row);
  const said = random.pick([price, price * 2n, price / 3n]);
  const amount = said < price ? said : price;
  if (amount === 0n || model.selfSettled.get(accountId)?.has(seq) === true) return false;
  const servedAt = await market.now();
  const appId = random.int(0, APPS);
  const receipt = {
    operatorId: 1,
    accountId,
    seq,
    ...row,
    appId,
    amount: said,
    requestHash: ethers.id(`request ${seq}`),
    responseHash: ethers.id(`response ${seq}`),
    servedAt,
  };
  const signature = await signReceipt(market, receipt);
  await time.increase(WINDOWS.settle + 1);
  await market.disputes.selfSettle([receipt], [signature]);
  const epoch = Math.floor((await market.now()) / WINDOWS.epoch);
  model.selfSettle({ ...row, accountId, seq, appId, amount }, epoch, feeAt(servedAt));
  return true;
}

async function expectEvents(ledger: Ledger, hash: string, batch: Batch, settled: Settled): Promise<void> {
  const receipt = await ethers.provider.getTransactionReceipt(hash);
  const events = receipt?.logs.map((log) => ledger.interface.parseLog(log)) ?? [];
  const shortfalls = events.filter((event) => event?.name === "ShortfallRecorded");
  const expected = settled.groups.flatMap(({ shortfall }, i) =>
    shortfall === 0n ? [] : [[1n, BigInt(batch.batchNo), BigInt(batch.groups[i]?.accountId ?? 0), shortfall]],
  );
  expect(shortfalls.map((event) => event?.args.toArray())).to.deep.equal(expected);
  const settlement = events.find((event) => event?.name === "BatchSettled");
  const { commitment: _, ...totals } = settlement?.args.toObject() ?? {};
  expect(totals).to.deep.equal({
    operatorId: 1n,
    batchNo: BigInt(batch.batchNo),
    rows: settled.rows,
    amount: settled.amount,
    appFees: settled.appFees,
    protocolFee: settled.protocolFee,
    shortfall: settled.unpaid,
    rebates: settled.rebates,
  });
}

async function expectState({ escrow, ledger, disputes }: Market, model: LedgerModel): Promise<void> {
  for (const [accountId, { balance, credits, nextSeq }] of model.accounts) {
    const account = await escrow.account(accountId);
    expect([account.balance, account.credits, account.nextSeq]).to.deep.equal([
      balance,
      credits,
      BigInt(nextSeq),
    ]);
  }
  for (const [who, earned] of model.earned) {
    const [kind, id] = who.split(" ") as [keyof typeof EARNERS, string];
    const { current, previous, mature } = await escrow.earnings(EARNERS[kind], id);
    expect(current + previous + mature, who).to.equal(earned);
  }
  for (const [epoch, pool] of model.pools) expect(await escrow.pool(1, epoch)).to.equal(pool);
  for (const [key, metrics] of model.metrics) {
    const [epoch, listingId] = key.split("/") as [string, string];
    expect(fieldsOf(await ledger.metrics(epoch, 1, listingId)), key).to.deep.equal(metrics);
  }
  for (const [key, fees] of model.appFees) {
    const [epoch, appId] = key.split("/") as [string, string];
    expect(await ledger.appFees(epoch, 1, appId), key).to.equal(fees);
  }
  const { refunds, compensations } = await disputes.openClaimsByKind(1);
  expect([refunds, compensations]).to.deep.equal([0n, sum(model.claims.values())]);
}

const sum = (values: Iterable<bigint>): bigint => [...values].reduce((total, value) => total + value, 0n);

/** Everything in the model's books. */
function wealth(model: LedgerModel): bigint {
  const accounts = [...model.accounts.values()].map(({ balance, credits }) => balance + credits);
  return sum(accounts) + sum(model.earned.values()) + sum(model.pools.values());
}

describe("Ledger", () => {
  describe(`settle, ${BATCHES} random batches (seed ${SEED})`, function () {
    this.timeout(180_000);

    it("charges, credits and measures to the wei (I-02, I-14)", async () => {
      const random = new Random(SEED);
      const { market, model, offers } = await deployRandomMarket(random);
      const { ledger, escrow, token } = market;
      const fees = [{ from: 0, feeBps: PROTOCOL_FEE_BPS }];
      const deposits = wealth(model);
      const feeAt = (servedAtSec: number) => fees.findLast(({ from }) => from <= servedAtSec)?.feeBps ?? 0n;
      let [shortfalls, selfSettled] = [0, 0];
      // So that every span lies behind the making of the offers.
      await time.increase(2 * HOUR);

      for (let n = 0; n < BATCHES; n++) {
        if (n % FEE_CHANGE_EVERY === FEE_CHANGE_EVERY - 1) {
          const from = (await time.latest()) + DAY + 60;
          const feeBps = BigInt(random.int(0, 1_000));
          await ledger.scheduleProtocolFee(feeBps, from);
          fees.push({ from, feeBps });
        }
        await time.increase(random.int(60, DAY / 10));
        if (random.chance(SELF_SETTLED) && (await selfSettle(random, { market, model }, offers, feeAt)))
          selfSettled++;
        const servedToSec = (await market.now()) - random.int(0, 600);
        const servedFromSec = servedToSec - random.int(0, 3_000);
        const batch = await market.batch(randomGroups(random, OFFERS, APPS), { servedFromSec, servedToSec });
        const feeBps = feeAt(servedFromSec);

        const { hash } = await market.settle(batch);
        const epoch = Math.floor((await market.now()) / WINDOWS.epoch);
        const settled = model.settle(1, batch, epoch, feeBps);
        await expectEvents(ledger, hash, batch, settled);
        await expectState(market, model);
        expect(wealth(model)).to.equal(deposits);
        shortfalls += settled.groups.filter(({ shortfall }) => shortfall !== 0n).length;
      }
      expect(shortfalls).to.be.greaterThan(BATCHES / 4);
      expect(selfSettled).to.be.greaterThan(BATCHES / 4);
      expect(await escrow.owed()).to.equal(deposits);
      expect(await token.balanceOf(escrow)).to.equal(deposits);
    });
  });
});
