import { expect } from "chai";

import {
  accountSlot,
  getAccount,
  packAccount,
  packGroup,
  packRebates,
  setAccount,
  unpackResult,
  type AccountFields,
  type Group,
  type Result,
} from "./fixtures/account.ts";
import { loadFixture } from "./fixtures/chain.ts";
import { deployEconomy, ledgerSignerOf } from "./fixtures/economy.ts";
import { Random } from "./fixtures/random.ts";

const SEED = Number(process.env["TEST_SEED"] ?? Date.now() % 2 ** 32);
const SUPPLY = 10n ** 27n;
const OPERATOR = 1;
const MAX_PCT = 5n;

function accountOf(changes: Partial<AccountFields> = {}): AccountFields {
  return { balance: 1_000n, credits: 300n, nextSeq: 7n, operatorId: 1n, flags: MAX_PCT << 2n, ...changes };
}

function groupOf(changes: Partial<Group> = {}): Group {
  return { accountId: 1n, rows: 4n, appFeeBps: 0n, amount: 100n, ...changes };
}

interface Rebates {
  /** Fee in bps times share in bps. */
  rate: bigint;
  marginWei: bigint;
}

const NONE: Rebates = { rate: 0n, marginWei: 0n };

/** What `debit` promises, in plain words and unbounded integers. */
function debitOf(account: AccountFields, group: Group, { rate, marginWei } = NONE) {
  const allowed = group.appFeeBps <= ((account.flags >> 2n) & 31n) * 100n;
  const appFee = allowed ? (group.amount * group.appFeeBps) / 10_000n : 0n;
  const available = account.balance + account.credits;
  const due = group.amount + appFee;
  const paid = due < available ? due : available;
  const fromCredits = paid < account.credits ? paid : account.credits;
  const wanted = paid < due ? 0n : (group.amount * rate) / 10_000n ** 2n - marginWei;
  const rebate = wanted > 0n && account.credits - fromCredits + wanted < 2n ** 88n ? wanted : 0n;
  return {
    rebate,
    account: {
      ...account,
      credits: account.credits - fromCredits + rebate,
      balance: account.balance - (paid - fromCredits),
      nextSeq: account.nextSeq + group.rows,
    },
    result: { startSeq: account.nextSeq, appFee, shortfall: due - paid },
  };
}

async function debitFixture() {
  const economy = await loadFixture(deployEconomy);
  const escrow = economy.escrow.connect(await ledgerSignerOf(economy));

  /** Puts accounts 1, 2, .. in place, debits the groups, and returns the results. */
  const rebate = async (accounts: readonly AccountFields[], groups: readonly Group[], rebates: Rebates) => {
    for (const [index, account] of accounts.entries()) await setAccount(economy, index + 1, account);
    const words = groups.map(packGroup);
    const word = packRebates(rebates.rate, rebates.marginWei);
    const { results, rebated } = await escrow.debit.staticCall(OPERATOR, words, word);
    await escrow.debit(OPERATOR, words, word);
    return { results: results.map(unpackResult), rebated };
  };
  /** The same without rebates. */
  const debit = async (accounts: readonly AccountFields[], groups: readonly Group[]): Promise<Result[]> => {
    const { results, rebated } = await rebate(accounts, groups, NONE);
    expect(rebated).to.equal(0n);
    return results;
  };
  return { ...economy, economy, escrow, debit, rebate };
}

describe("Escrow: debit", () => {
  it("is the Ledger's alone", async () => {
    const { escrow, stranger } = await debitFixture();
    await expect(escrow.connect(stranger).debit(OPERATOR, [], 0))
      .to.be.revertedWithCustomError(escrow, "Escrow_NotLedger")
      .withArgs(stranger.address);
  });

  it("touches no account of another operator, and undoes the whole call (I-05)", async () => {
    const { escrow, economy } = await debitFixture();
    await setAccount(economy, 1, accountOf());
    await setAccount(economy, 2, accountOf({ operatorId: 2n }));
    await expect(escrow.debit(OPERATOR, [groupOf(), groupOf({ accountId: 2n })].map(packGroup), 0))
      .to.be.revertedWithCustomError(escrow, "Escrow_ForeignAccount")
      .withArgs(2, 2, 1);
    await expect(escrow.debit(OPERATOR, [packGroup(groupOf({ accountId: 3n }))], 0))
      .to.be.revertedWithCustomError(escrow, "Escrow_ForeignAccount")
      .withArgs(3, 0, 1);
    expect(await getAccount(economy, 1)).to.deep.equal(accountOf());
  });

  it("returns an empty list for an empty list", async () => {
    const { debit } = await debitFixture();
    expect(await debit([], [])).to.deep.equal([]);
  });

  describe("spends credits first, then the balance", () => {
    // 300 credits, 1,000 balance
    const cases: [amount: bigint, credits: bigint, balance: bigint, shortfall: bigint][] = [
      [0n, 300n, 1_000n, 0n],
      [1n, 299n, 1_000n, 0n],
      [299n, 1n, 1_000n, 0n],
      [300n, 0n, 1_000n, 0n],
      [301n, 0n, 999n, 0n],
      [1_299n, 0n, 1n, 0n],
      [1_300n, 0n, 0n, 0n],
      [1_301n, 0n, 0n, 1n],
      [SUPPLY, 0n, 0n, SUPPLY - 1_300n],
    ];
    for (const [amount, credits, balance, shortfall] of cases) {
      it(`when ${amount} is due`, async () => {
        const { economy, debit } = await debitFixture();
        const [result] = await debit([accountOf()], [groupOf({ amount })]);
        expect(result).to.deep.equal({ startSeq: 7n, appFee: 0n, shortfall });
        expect(await getAccount(economy, 1)).to.deep.equal(accountOf({ credits, balance, nextSeq: 11n }));
      });
    }
  });

  describe("adds the app's fee, rounded down", () => {
    const cases: [name: string, feeBps: bigint, amount: bigint, appFee: bigint, shortfall: bigint][] = [
      ["at the account's limit", 500n, 1_000n, 50n, 0n],
      ["not above the account's limit", 501n, 1_000n, 0n, 0n],
      ["not far above it", 65_535n, 1_000n, 0n, 0n],
      ["as 0 for a small amount", 500n, 19n, 0n, 0n],
      ["as 1 for a little more", 500n, 20n, 1n, 0n],
      ["that just fits", 400n, 1_250n, 50n, 0n],
      ["that is short by one", 408n, 1_250n, 51n, 1n],
      ["that finds nothing left", 400n, 1_300n, 52n, 52n],
      ["after an amount that is short itself", 400n, 1_400n, 56n, 156n],
    ];
    for (const [name, appFeeBps, amount, appFee, shortfall] of cases) {
      it(name, async () => {
        const { economy, debit } = await debitFixture();
        const [result] = await debit([accountOf()], [groupOf({ appFeeBps, amount })]);
        expect(result).to.deep.equal({ startSeq: 7n, appFee, shortfall });
        const { balance, credits } = await getAccount(economy, 1);
        expect(balance + credits).to.equal(1_300n - (amount + appFee - shortfall));
      });
    }

    it("never to an account that allows none", async () => {
      const { debit } = await debitFixture();
      const [result] = await debit([accountOf({ flags: 3n })], [groupOf({ appFeeBps: 1n, amount: 10_000n })]);
      expect(result?.appFee).to.equal(0n);
    });
  });

  describe("gives rebates as credits, in the same write", () => {
    // 2.5 % x 10 %: one wei of 400.
    const RATE = 250n * 1_000n;
    const cases: [name: string, amount: bigint, appFeeBps: bigint, marginWei: bigint, rebate: bigint][] = [
      ["of the amount, rounded down", 1_199n, 0n, 0n, 2n],
      ["of the amount, to the wei", 1_200n, 0n, 0n, 3n],
      ["less the margin", 1_200n, 0n, 2n, 1n],
      ["or nothing, when the margin takes it all", 1_200n, 0n, 3n, 0n],
      ["never less than nothing", 1_200n, 0n, 255n, 0n],
      ["not of the app's fee", 1_200n, 500n, 0n, 3n],
      ["of what an account just has", 1_300n, 0n, 0n, 3n],
      ["not to an account that is short by a wei", 1_301n, 0n, 0n, 0n],
      ["not to an account that is short of the app's fee alone", 1_250n, 408n, 0n, 0n],
    ];
    for (const [name, amount, appFeeBps, marginWei, rebate] of cases) {
      it(name, async () => {
        const { economy, rebate: rebateOf } = await debitFixture();
        const group = groupOf({ amount, appFeeBps });
        const expected = debitOf(accountOf(), group, { rate: RATE, marginWei });
        expect(expected.rebate).to.equal(rebate);
        const { results, rebated } = await rebateOf([accountOf()], [group], { rate: RATE, marginWei });
        expect(rebated).to.equal(rebate);
        expect(results).to.deep.equal([expected.result]);
        expect(await getAccount(economy, 1)).to.deep.equal(expected.account);
      });
    }

    it("spendable at once, by the account's next group", async () => {
      const { economy, rebate } = await debitFixture();
      const accounts = [accountOf({ balance: 1_200n, credits: 0n })];
      const groups = [groupOf({ amount: 1_200n }), groupOf({ amount: 5n })];
      const { results, rebated } = await rebate(accounts, groups, { rate: RATE, marginWei: 0n });
      expect(results.map(({ shortfall }) => shortfall)).to.deep.equal([0n, 2n]);
      expect(rebated).to.equal(3n);
      expect(await getAccount(economy, 1)).to.deep.equal(
        accountOf({ balance: 0n, credits: 0n, nextSeq: 15n }),
      );
    });

    it("not where the credits would run into the next field", async () => {
      const { economy, rebate } = await debitFixture();
      const most = 2n ** 88n - 1n;
      // Spends 1,200 credits and brings 3: room for 1,200.
      for (const [credits, rate, expected] of [
        [most, RATE, 3n],
        [most, 10_000n ** 2n, 1_200n],
        [most, 10_000n ** 2n + 10_000n ** 2n / 1_200n + 1n, 0n],
      ] as const) {
        const { rebated } = await rebate([accountOf({ credits })], [groupOf({ amount: 1_200n })], {
          rate,
          marginWei: 0n,
        });
        expect(rebated).to.equal(expected);
        expect(await getAccount(economy, 1)).to.deep.equal(
          accountOf({ credits: most - 1_200n + expected, nextSeq: 11n }),
        );
      }
    });
  });

  it("goes on with several groups of one account, in order (I-03)", async () => {
    const { economy, debit } = await debitFixture();
    const results = await debit(
      [accountOf({ balance: 10n, credits: 5n })],
      [
        groupOf({ amount: 8n, rows: 2n }),
        groupOf({ amount: 6n, rows: 65_535n }),
        groupOf({ amount: 6n, rows: 1n }),
      ],
    );
    expect(results.map(({ startSeq, shortfall }) => [startSeq, shortfall])).to.deep.equal([
      [7n, 0n],
      [9n, 0n],
      [65_544n, 5n],
    ]);
    expect(await getAccount(economy, 1)).to.deep.equal(
      accountOf({ balance: 0n, credits: 0n, nextSeq: 65_545n }),
    );
  });

  it("keeps every other field of the slot, at the fields' limits", async () => {
    const { economy, debit } = await debitFixture();
    const full = {
      balance: 2n ** 96n - 1n,
      credits: 2n ** 88n - 1n,
      nextSeq: 2n ** 40n - 2n,
      operatorId: 1n,
      flags: 255n,
    };
    const group = groupOf({ amount: SUPPLY, rows: 1n, appFeeBps: 2_000n });
    const expected = debitOf(full, group);
    expect(await debit([full], [group])).to.deep.equal([expected.result]);
    expect(await accountSlot(economy, 1)).to.equal(packAccount(expected.account));
  });

  it(`agrees with the model on random batches (TEST_SEED=${SEED})`, async () => {
    const { economy, rebate } = await debitFixture();
    const random = new Random(SEED);
    const upTo = (limit: bigint) => random.bigint(160) % (limit + 1n);
    // Small, medium and huge values meet, so that every comparison goes every way.
    const amount = (limit: bigint) => upTo(random.pick([50n, 10n ** 12n, limit]));

    for (let round = 0; round < 25; round += 1) {
      const accounts = Array.from({ length: random.int(1, 5) }, () => ({
        balance: amount(SUPPLY),
        credits: random.chance(0.5) ? 0n : amount(2n ** 88n - 1n),
        nextSeq: upTo(2n ** 39n),
        operatorId: 1n,
        flags: upTo(3n) | (upTo(20n) << 2n),
      }));
      const groups = Array.from({ length: random.int(1, 12) }, () => ({
        accountId: 1n + upTo(BigInt(accounts.length - 1)),
        rows: 1n + upTo(65_534n),
        appFeeBps: upTo(2_500n),
        amount: amount(SUPPLY),
      }));
      const rebates = { rate: upTo(1_000n * 2_000n), marginWei: upTo(255n) };
      const model = [...accounts];
      let rebated = 0n;
      const results = groups.map((group) => {
        const index = Number(group.accountId) - 1;
        const before = model[index];
        if (before === undefined) throw new Error(`no account ${group.accountId}`);
        const after = debitOf(before, group, rebates);
        model[index] = after.account;
        rebated += after.rebate;
        return after.result;
      });

      expect(await rebate(accounts, groups, rebates)).to.deep.equal({ results, rebated });
      for (const [index, account] of model.entries()) {
        expect(await getAccount(economy, index + 1)).to.deep.equal(account);
      }
    }
  });

  it("costs little more than its storage, per account", async function () {
    // Counting lines costs gas of its own.
    if (process.argv.includes("--coverage")) this.skip();
    const { escrow, economy } = await debitFixture();
    for (let id = 1; id <= 200; id += 1) await setAccount(economy, id, accountOf());
    const gasOf = async (from: number, count: number, rebates: bigint) => {
      const groups = Array.from({ length: count }, (_, index) =>
        packGroup(groupOf({ accountId: BigInt(from + index), appFeeBps: 500n })),
      );
      const response = await escrow.debit(OPERATOR, groups, rebates);
      const receipt = await response.wait();
      const bytes = Buffer.from(response.data.slice(2), "hex");
      const zeros = bytes.filter((byte) => byte === 0).length;
      return Number(receipt?.gasUsed) - 4 * zeros - 16 * (bytes.length - zeros);
    };
    const perAccount = async (rebates: bigint) =>
      ((await gasOf(51, 150, rebates)) - (await gasOf(1, 50, rebates))) / 100;
    // 5,000 of it are a cold slot read and written.
    for (const rebates of [0n, packRebates(250n * 1_000n, 5n)])
      expect(await perAccount(rebates)).to.be.lessThan(5_700);
  });
});
