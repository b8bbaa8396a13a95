import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Wallet } from "ethers";
import { createSiweMessage } from "viem/siwe";

import type { Hex } from "../../../router/model/bytes.ts";
import { parseTokens } from "../../../router/model/money.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";
import { deployTestWallet } from "../../fakes/testWallet.ts";

let chain: TestChain;
before(async () => {
  chain = await startTestChain();
});
after(() => chain.stop());

const text = (address: string, extra: { expirationTime?: Date } = {}): string =>
  createSiweMessage({
    address: address as Hex,
    chainId: 31_337,
    domain: "app.example.com",
    nonce: "0123456789abcdef",
    uri: "https://app.example.com/login",
    version: "1",
    statement: "Nonce: 1111111111111111",
    ...extra,
  });

describe("who signed a sign-in message", () => {
  it("reads what wallets sign, and nothing else", async () => {
    const { signIn } = await chain.open();
    const { address } = Wallet.createRandom();
    const expirationTime = new Date(1_900_000_000_000);
    const read = signIn.read(text(address, { expirationTime }));
    assert.ok(read);
    assert.equal(read.address, address);
    assert.equal(read.nonce, "0123456789abcdef", "not the one in the statement");
    assert.equal(read.expiresAtMs, 1_900_000_000_000);
    for (const other of ["", "hello", text(address).replace("Version: 1", "Version: 2")])
      assert.equal(signIn.read(other), undefined);
    const endless = text(address, { expirationTime }).replace("2030-03-17T17:46:40.000Z", "never");
    assert.equal(signIn.read(endless), undefined, "a date that is none is no absence of a date");
  });

  it("tells a key's signature from another's", async () => {
    const { signIn } = await chain.open();
    const [wallet, other] = [Wallet.createRandom(), Wallet.createRandom()];
    const message = text(wallet.address);
    const signature = (await wallet.signMessage(message)) as Hex;
    assert.equal(await signIn.isSignedBy(wallet.address as Hex, message, signature), true);
    assert.equal(await signIn.isSignedBy(other.address as Hex, message, signature), false);
    assert.equal(await signIn.isSignedBy(wallet.address as Hex, `${message} `, signature), false);
    assert.equal(await signIn.isSignedBy(wallet.address as Hex, message, "0x1234"), false);
  });

  it("asks a contract wallet (ERC-1271)", async () => {
    const { signIn } = await chain.open();
    const [key, other] = [Wallet.createRandom(), Wallet.createRandom()];
    const address = await deployTestWallet(chain, key.address);
    const message = text(address);
    const sign = async (wallet: { signMessage(text: string): Promise<string> }) =>
      (await wallet.signMessage(message)) as Hex;
    assert.equal(await signIn.isSignedBy(address, message, await sign(key)), true);
    assert.equal(await signIn.isSignedBy(address, message, await sign(other)), false);
  });

  it("throws while the chain is away, rather than call a signature wrong", async () => {
    const { signIn } = await chain.open();
    const address = await deployTestWallet(chain, Wallet.createRandom().address);
    const original = globalThis.fetch;
    globalThis.fetch = () => Promise.reject(new TypeError("fetch failed"));
    try {
      await assert.rejects(signIn.isSignedBy(address, text(address), `0x${"12".repeat(65)}`));
    } finally {
      globalThis.fetch = original;
    }
  });
});

describe("finding accounts", () => {
  it("finds an owner's and a signer's, also those opened later", async () => {
    const { finder } = await chain.open();
    const { economy } = chain;
    const payer = economy.payer as Hex;
    assert.deepEqual(
      (await finder.ofOwner(payer)).map(({ accountId }) => accountId),
      [economy.accountId],
    );
    assert.deepEqual(await finder.ofSigner(payer), [], "no strict account yet");
    const { token, escrow } = chain.contracts("payer");
    const signer = Wallet.createRandom().address;
    await (await token.approve(economy.contracts.Escrow, parseTokens("3"))).wait();
    const terms = { owner: payer, operatorId: economy.operatorId, signer, strict: true, maxAppFeePct: 0 };
    await (await escrow.deposit(terms, parseTokens("3"))).wait();
    const [strict] = await finder.ofSigner(signer.toLowerCase() as Hex);
    assert.equal(strict?.balanceWei, parseTokens("3"));
    assert.equal((await finder.ofOwner(payer)).length, 2);
    assert.deepEqual(await finder.ofOwner(`0x${"77".repeat(20)}`), []);
  });

  it("forgets what a reorganization undid", async () => {
    const { finder } = await chain.open();
    const snapshot = await chain.call("evm_snapshot");
    const accountId = await chain.account(parseTokens("1"), 3);
    const payer = chain.economy.payer as Hex;
    const ids = async () => (await finder.ofOwner(payer)).map((account) => account.accountId);
    assert.ok((await ids()).includes(accountId));
    await chain.call("evm_revert", snapshot);
    assert.ok(!(await ids()).includes(accountId));
  });
});
