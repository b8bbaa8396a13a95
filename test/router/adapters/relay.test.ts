import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { privateKeyToAccount } from "viem/accounts";

import { encodeBatch } from "../../../router/model/batch.ts";
import { toHex, type Hex } from "../../../router/model/bytes.ts";
import { parseTokens } from "../../../router/model/money.ts";
import type { RelayResult } from "../../../router/ports.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";
import { deployTestWallet } from "../../fakes/testWallet.ts";
import { fundedWallet, grantSigner, termsOf } from "../../fakes/grants.ts";

const TEN = parseTokens("10");
const THREE = parseTokens("3");

let chain: TestChain;
before(async () => {
  chain = await startTestChain();
});
after(() => chain.stop());

function mined(result: RelayResult): Extract<RelayResult, { status: "mined" }> {
  if (result.status !== "mined") assert.fail(`${result.status}: ${"reason" in result ? result.reason : ""}`);
  return result;
}

function refused(result: RelayResult, reason: RegExp): void {
  assert.ok(result.status === "refused", result.status);
  assert.match(result.reason, reason);
}

async function gasOf(address: string): Promise<bigint> {
  return BigInt((await chain.call("eth_getBalance", address, "latest")) as string);
}

describe("relaying deposits", () => {
  it("opens the account by one signature, for a wallet without a coin", async () => {
    const { relay, ...router } = await chain.open();
    const wallet = await fundedWallet(chain, TEN);
    const terms = termsOf(wallet.address, { strict: true, maxAppFeePct: 5 });
    const deposit = await grantSigner(chain).authorization(wallet, terms, THREE);
    const { accountId, amountWei } = mined(await relay.deposit(deposit));
    assert.equal(amountWei, THREE);
    const opened = await router.account(accountId);
    assert.equal(opened?.balanceWei, THREE);
    assert.equal(opened.strict, true);
    assert.equal(opened.maxAppFeePct, 5);
    assert.equal(opened.owner, wallet.address);
    assert.equal(await gasOf(wallet.address), 0n);
  });

  it("does it once, however often and by whomever it is asked", async () => {
    const opened = await chain.open();
    const wallet = await fundedWallet(chain, TEN);
    const deposit = await grantSigner(chain).authorization(wallet, termsOf(wallet.address), THREE);
    const [first, second] = await Promise.all([opened.relay.deposit(deposit), opened.relay.deposit(deposit)]);
    const { accountId } = mined(first);
    assert.deepEqual(second, first);
    const elsewhere = await chain.open();
    assert.deepEqual(await elsewhere.relay.deposit(deposit), { status: "already", accountId });
    assert.equal((await opened.account(accountId))?.balanceWei, THREE);
  });

  it("finds a deposit done that somebody else has put through first", async () => {
    const { relay } = await chain.open();
    const wallet = await fundedWallet(chain, TEN);
    const terms = termsOf(wallet.address);
    const deposit = await grantSigner(chain).authorization(wallet, terms, THREE);
    const { escrow } = chain.contracts("admin");
    const { operatorId } = chain.economy;
    const { salt, amountWei, validAfter, validBefore, signature } = deposit;
    const onChain = { ...terms, operatorId };
    await (
      await escrow.depositWithAuthorization(onChain, salt, amountWei, validAfter, validBefore, signature)
    ).wait();
    const accountId = Number(await escrow.accountIdOf(onChain));
    assert.deepEqual(await relay.deposit(deposit), { status: "already", accountId });
  });

  it("sends nothing that can't succeed, and says why", async () => {
    const { relay, settler } = await chain.open();
    const wallet = await fundedWallet(chain, TEN);
    const other = await fundedWallet(chain, TEN);
    const terms = termsOf(wallet.address);
    const { authorization } = grantSigner(chain);
    const gasWei = await gasOf(settler);
    const good = await authorization(wallet, terms, THREE);
    refused(await relay.deposit({ ...good, amountWei: TEN }), /^AI1NET_InvalidSignature\(/);
    refused(
      await relay.deposit({ ...good, terms: { ...terms, strict: true } }),
      /^AI1NET_InvalidSignature\(/,
    );
    refused(
      await relay.deposit(await authorization(wallet, terms, THREE, { key: other })),
      /InvalidSignature/,
    );
    const rich = await authorization(wallet, terms, parseTokens("11"));
    refused(await relay.deposit(rich), /^ERC20InsufficientBalance\(/);
    const late = await authorization(wallet, terms, THREE, { validBefore: 1_000n });
    refused(await relay.deposit(late), /^AI1NET_AuthorizationExpired\(/);
    refused(await relay.deposit(await authorization(wallet, terms, 5n)), /less than/);
    refused(await relay.deposit({ kind: "sweep", terms }), /nothing has arrived/);
    assert.equal(await gasOf(settler), gasWei, "not a wei of gas");
  });

  it("takes a permit with a grant, also one that was front-run", async () => {
    const { relay, ...router } = await chain.open();
    const { permit } = grantSigner(chain);
    for (const isFrontRun of [false, true]) {
      const wallet = await fundedWallet(chain, TEN);
      const deposit = await permit(wallet, termsOf(wallet.address), THREE, 0n);
      if (isFrontRun) {
        const { token } = chain.contracts("admin");
        const { v, r, s } = deposit.permit;
        const spender = chain.economy.contracts.Escrow;
        await (await token.permit(wallet.address, spender, THREE, deposit.deadline, v, r, s)).wait();
      }
      const { accountId } = mined(await relay.deposit(deposit));
      assert.equal((await router.account(accountId))?.balanceWei, THREE);
      assert.deepEqual(await relay.deposit(deposit), { status: "already", accountId });
    }
  });

  it("takes a contract wallet's signature (ERC-1271)", async () => {
    const { relay, ...router } = await chain.open();
    const key = privateKeyToAccount(`0x${"91".repeat(32)}`);
    const owner = await deployTestWallet(chain, key.address);
    await (await chain.contracts("admin").token.transfer(owner, TEN)).wait();
    const terms = termsOf(owner, { signer: key.address });
    const deposit = await grantSigner(chain).authorization(key, terms, THREE);
    const { accountId } = mined(await relay.deposit(deposit));
    assert.equal((await router.account(accountId))?.owner, owner);
  });

  it("sweeps a deposit address into its account, time and again", async () => {
    const { relay, ...router } = await chain.open();
    const wallet = await fundedWallet(chain, TEN);
    const terms = termsOf(wallet.address);
    const address = await relay.depositAddress(terms);
    const { token } = chain.contracts("admin");
    for (const [times, balanceWei] of [
      [1, THREE],
      [2, 2n * THREE],
    ] as const) {
      await (await token.transfer(address, THREE)).wait();
      const { accountId } = mined(await relay.deposit({ kind: "sweep", terms }));
      assert.equal((await router.account(accountId))?.balanceWei, balanceWei, `sweep ${times}`);
      assert.deepEqual(await relay.deposit({ kind: "sweep", terms }), { status: "already", accountId });
    }
  });

  it("puts a transfer to a deposit address through, once", async () => {
    const { relay } = await chain.open();
    const wallet = await fundedWallet(chain, TEN);
    const terms = termsOf(wallet.address);
    const payment = await grantSigner(chain).transfer(wallet, await relay.depositAddress(terms), THREE);
    assert.equal(mined(await relay.deposit({ kind: "transfer", terms, payment })).amountWei, THREE);
    assert.equal((await relay.deposit({ kind: "transfer", terms, payment })).status, "already");
    assert.equal(mined(await relay.deposit({ kind: "sweep", terms })).amountWei, THREE);
    const poor = await grantSigner(chain).transfer(wallet, await relay.depositAddress(terms), TEN);
    refused(await relay.deposit({ kind: "transfer", terms, payment: poor }), /^ERC20InsufficientBalance\(/);
  });

  it("stops at the hour's gas, and while another router sends with the key", async () => {
    const wallet = await fundedWallet(chain, TEN);
    const deposit = await grantSigner(chain).authorization(wallet, termsOf(wallet.address), THREE);
    const poor = await chain.open({ relayGasPerHour: 1_000n });
    assert.equal((await poor.relay.deposit(deposit)).status, "busy");
    const follower = await chain.open({ maySettle: async () => false });
    assert.equal((await follower.relay.deposit(deposit)).status, "busy");
    const own = await chain.open({ maySettle: async () => false, relayerKey: `0x${"88".repeat(32)}` });
    await chain.call(
      "anvil_setBalance",
      privateKeyToAccount(`0x${"88".repeat(32)}`).address,
      "0x56bc75e2d63100000",
    );
    mined(await own.relay.deposit(deposit));
  });

  it("takes turns with settlement, whose key it uses", async () => {
    const opened = await chain.open();
    const { accountId, providers } = chain.economy;
    const batchNo = await opened.nextBatchNo();
    const servedAt = await opened.blockTimeSec();
    const row = { offerId: providers[0]!.offerId, inputUnits: 10, outputUnits: 5, timing: 100 };
    const batch = (no: number): Hex =>
      toHex(
        encodeBatch({
          batchNo: no,
          servedFromSec: servedAt,
          servedToSec: servedAt,
          groups: [{ accountId, appId: 0, rows: [row] }],
        }).bytes,
      );
    const wallets = [await fundedWallet(chain, TEN), await fundedWallet(chain, TEN)];
    const { authorization } = grantSigner(chain);
    const deposits = await Promise.all(
      wallets.map((wallet) => authorization(wallet, termsOf(wallet.address), THREE)),
    );
    const results = await Promise.all([
      opened.settle(batch(batchNo)),
      ...deposits.map((deposit) => opened.relay.deposit(deposit)),
      opened.settle(batch(batchNo + 1)),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ["mined", "mined", "mined", "mined"],
    );
  });

  it("goes on waiting for a transaction that is not mined yet", { timeout: 30_000 }, async () => {
    const opened = await chain.open({ relayTimeoutMs: 200 });
    const wallet = await fundedWallet(chain, TEN);
    const deposit = await grantSigner(chain).authorization(wallet, termsOf(wallet.address), THREE);
    await chain.call("evm_setAutomine", false);
    try {
      const first = await opened.relay.deposit(deposit);
      assert.equal(first.status, "unknown");
      const second = await opened.relay.deposit(deposit);
      assert.deepEqual(second, first, "the same transaction");
      await chain.call("evm_mine");
      assert.equal(mined(await opened.relay.deposit(deposit)).txHash, (first as { txHash: Hex }).txHash);
    } finally {
      await chain.call("evm_setAutomine", true);
    }
  });
});

describe("exits", () => {
  it("are made with the calls that were prepared", async () => {
    const opened = await chain.open();
    const { exits } = opened;
    const { accountId, payer } = chain.economy;
    const wallet = chain.wallet("payer");
    const send = async ({ to, data }: { to: string; data: string }) =>
      (await wallet.sendTransaction({ to, data })).wait();
    assert.equal((await exits.status(accountId)).readyAtSec, undefined);
    await send(exits.request(accountId, THREE));
    const announced = await exits.status(accountId);
    assert.equal(announced.amountWei, THREE);
    assert.equal(announced.readyAtSec, announced.nowSec + announced.noticeSec);
    await send(exits.cancel(accountId));
    assert.equal((await exits.status(accountId)).readyAtSec, undefined);
    await send(exits.request(accountId, THREE));
    await chain.call("evm_increaseTime", announced.noticeSec + 1);
    await chain.call("evm_mine");
    const { token } = chain.contracts("admin");
    const heldWei = await token.balanceOf(payer);
    await send(exits.withdraw(accountId, payer as Hex));
    assert.equal((await token.balanceOf(payer)) - heldWei, THREE);
  });
});
