/** Authorizations that are asked for on chain (D4): a real router answers by itself, or its operator pays. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseEther } from "ethers";
import { createPublicClient, createWalletClient, defineChain, http, toHex, type PublicClient } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";

import {
  challengeAuthorization,
  challengeOf,
  checkedFetch,
  payPerColumn,
  readNetwork,
  ReceiptViolation,
  resolveChallenge,
  sendDeposit,
  signDeposit,
  signerOf,
  signIn,
  termsOf,
  tokenAbi,
  type Evidence,
  type InclusionJson,
  type Network,
} from "../../client/index.ts";
import { encodeBatch, type Row } from "../../router/model/batch.ts";
import { parseTokens } from "../../router/model/money.ts";
import { rowProver } from "../../router/settlement/prove.ts";
import { DEMO_PROVIDERS } from "../../scripts/demo/providers/catalog.ts";
import { mined } from "../../scripts/mined.ts";
import { fundedWallet } from "../fakes/grants.ts";
import { storedBatch } from "../fakes/storedBatch.ts";
import { payingFetch, stockClient } from "../fakes/x402.ts";
import { runScript } from "./fixtures/economy.ts";
import { startRig, untilAllSettled, type Rig } from "./fixtures/rig.ts";
import { wordServer } from "./fixtures/wordServer.ts";

/** `IDisputes.Claim.Refund`. */
const REFUND = 0;

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadlineMs = Date.now() + 30_000; !(await isSo()); await sleep(50))
    assert.ok(Date.now() < deadlineMs, what);
}

describe("a challenged authorization", () => {
  let rig: Rig;
  let network: Network;
  let rpc: PublicClient;
  let depositWei: bigint;

  before(async () => {
    rig = await startRig({ behave: wordServer(() => 0) });
    network = await readNetwork(rig.url);
    rpc = createPublicClient({ transport: http(rig.anvil.rpcUrl), pollingInterval: 50 });
    depositWei = await rig.anvil.contracts("admin").challenges.deposit();
  });
  after(() => rig.close());

  const chain = () => rig.anvil.contracts("admin");
  const bondWei = async (): Promise<bigint> =>
    (await chain().registry.operator(network.operatorId)).bond.bonded;
  const tokensOf = (address: string): Promise<bigint> => chain().token.balanceOf(address);

  /** Somebody with the coin for gas and the deposit. */
  async function challenger() {
    const account = await fundedWallet(rig.anvil, depositWei);
    await rig.anvil.call("anvil_setBalance", account.address, toHex(parseEther("1")));
    const wallet = createWalletClient({
      account,
      chain: defineChain({
        id: network.chainId,
        name: "AI1NET",
        nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
        rpcUrls: { default: { http: [rig.anvil.rpcUrl] } },
      }),
      transport: http(rig.anvil.rpcUrl),
    });
    const hash = await wallet.writeContract({
      address: network.contracts.token,
      abi: tokenAbi,
      functionName: "approve",
      args: [network.contracts.challenges, depositWei],
    });
    await rpc.waitForTransactionReceipt({ hash });
    return wallet;
  }
  type Challenger = Awaited<ReturnType<typeof challenger>>;

  async function strictAccount(): Promise<{ wallet: PrivateKeyAccount; accountId: number }> {
    const wallet = await fundedWallet(rig.anvil, parseTokens("5"));
    const terms = termsOf(wallet.address, { strict: true });
    const deposit = await signDeposit(network, signerOf(wallet), terms, parseTokens("5"));
    return { wallet, accountId: (await sendDeposit(network, deposit)).accountId };
  }

  /** A request that a wallet paid for, settled: where it is, and the proof that anyone can challenge it with. */
  async function settledRequest(): Promise<{ accountId: number; seq: number; inclusion: InclusionJson }> {
    const { wallet, accountId } = await strictAccount();
    const pay = payingFetch(wallet, [network.contracts.escrow]);
    const response = await pay(`${rig.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: rig.model, messages: [{ role: "user", content: "Hi" }], max_tokens: 4 }),
    });
    assert.equal(response.status, 200, await response.clone().text());
    const { receipt } = (await response.json()) as { receipt: { id: string; fields: { seq: number } } };
    await untilAllSettled(rig);
    const headers = { authorization: (await signIn(network, wallet)).authorization };
    const proof = await fetch(`${rig.url}/v1/receipts/${receipt.id}/proof`, { headers });
    assert.equal(proof.status, 200, await proof.clone().text());
    const inclusion = (await proof.json()) as InclusionJson;
    return { accountId, seq: receipt.fields.seq, inclusion };
  }

  const challenge = async (wallet: Challenger, inclusion: InclusionJson): Promise<void> => {
    const hash = await challengeAuthorization(rpc, wallet, network, inclusion);
    assert.equal((await rpc.waitForTransactionReceipt({ hash })).status, "success");
  };
  const stateOf = async (accountId: number, seq: number): Promise<string> =>
    (await challengeOf(rpc, network, accountId, seq)).state;
  const untilAnswered = (accountId: number, seq: number): Promise<void> =>
    until(async () => (await stateOf(accountId, seq)) === "answered", "nobody answered");
  const settlerNonce = async (): Promise<number> =>
    rpc.getTransactionCount({ address: rig.anvil.wallet("settler").address as `0x${string}` });

  it("is shown by an honest router, by itself: the challenger loses its deposit, nobody is slashed", async () => {
    const { accountId, seq, inclusion } = await settledRequest();
    const held = { bond: await bondWei(), payee: await tokensOf(network.payee) };
    const balanceWei = (await chain().escrow.account(accountId)).balance;
    const wallet = await challenger();
    await challenge(wallet, inclusion);
    await untilAnswered(accountId, seq);

    assert.equal(await tokensOf(wallet.account.address), 0n, "the deposit is gone");
    assert.equal((await tokensOf(network.payee)) - held.payee, depositWei, "to the operator's payee");
    assert.equal(await bondWei(), held.bond);
    assert.equal(await chain().disputes.openClaims(network.operatorId), 0n);
    assert.equal((await chain().escrow.account(accountId)).balance, balanceWei);
    const counted = 'ai1net_challenges_total{result="answered"}';
    await until(async () => (await rig.metric(counted)) === 1, "the answer is counted");
    await rig.anvil.call("anvil_mine", "0x1");
    await until(async () => (await rig.metric("ai1net_open_challenges")) === 0, "none is open");
  });

  it("is each column's own, when a wallet compares models: every one of them is shown", async () => {
    const other = DEMO_PROVIDERS.findIndex(({ model }) => model !== rig.model);
    await rig.announce(rig.anvil.economy.providers[other]?.listingId ?? 0, other);
    const { wallet, accountId } = await strictAccount();
    const kept: Evidence[] = [];
    let swaps = false;
    /** A router, or somebody before it, that gives a column the other one's receipt. */
    const swapping: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!swaps || !response.ok) return response;
      const json = (await response.json()) as { columns: [{ receipt: unknown }, { receipt: unknown }] };
      const [first, last] = json.columns;
      [first.receipt, last.receipt] = [last.receipt, first.receipt];
      return new Response(JSON.stringify(json), response);
    };
    const checked = checkedFetch(rpc, network, { fetch: swapping, keep: (one) => kept.push(one) });
    const pay = payPerColumn(stockClient(wallet, [network.contracts.escrow]), { fetch: checked });
    const compare = (stream: boolean): Promise<Response> =>
      pay(`${rig.url}/v1/compare`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          models: [rig.model, DEMO_PROVIDERS[other]?.model],
          messages: [{ role: "user", content: "Hi" }],
          max_tokens: 4,
          stream,
        }),
      });
    for (const stream of [false, true]) {
      const response = await compare(stream);
      assert.equal(response.status, 200, await response.clone().text());
      await response.text();
    }
    assert.deepEqual(
      kept.map(({ receipt }) => receipt.seq).toSorted((a, b) => a - b),
      [0, 1, 2, 3],
    );
    assert.ok(
      kept.every(({ receipt, authorizedWei = 0n }) => receipt.amount > 0n && receipt.amount <= authorizedWei),
    );
    swaps = true;
    await assert.rejects(compare(false), ReceiptViolation, "a swapped receipt is noticed");

    await untilAllSettled(rig);
    const headers = { authorization: (await signIn(network, wallet)).authorization };
    for (const { receipt } of kept.slice(0, 2)) {
      const proof = await fetch(`${rig.url}/v1/receipts/${accountId}-${receipt.seq}/proof`, { headers });
      await challenge(await challenger(), (await proof.json()) as InclusionJson);
      await untilAnswered(accountId, receipt.seq);
    }
  });

  it("is shown in time by a router that was down when it was asked for", async () => {
    const { accountId, seq, inclusion } = await settledRequest();
    const wallet = await challenger();
    await rig.kill();
    // From here on a block takes a second of the chain's time, however long a start takes.
    await rig.anvil.call("anvil_setBlockTimestampInterval", 1);
    await challenge(wallet, inclusion);
    assert.equal(await stateOf(accountId, seq), "open");
    await rig.start();
    await untilAnswered(accountId, seq);
    await rig.anvil.call("anvil_removeBlockTimestampInterval");
    assert.equal(await tokensOf(wallet.account.address), 0n);
  });

  it("is shown once by a router that was killed between sending and mining", async (t) => {
    const { accountId, seq, inclusion } = await settledRequest();
    const wallet = await challenger();
    const nonce = await settlerNonce();
    await rig.anvil.call("anvil_setBlockTimestampInterval", 1);
    await rig.anvil.call("evm_setAutomine", false);
    t.after(async () => {
      await rig.anvil.call("evm_setAutomine", true);
      await rig.anvil.call("anvil_removeBlockTimestampInterval");
    });
    await challengeAuthorization(rpc, wallet, network, inclusion);
    await rig.anvil.call("evm_mine");
    const pending = async (): Promise<number> =>
      Number(((await rig.anvil.call("txpool_status")) as { pending: string }).pending);
    await until(async () => (await pending()) === 1, "the answer is sent");
    await rig.kill();
    await rig.start();
    const asked = `"accountId":${accountId},"seq":${seq},`;
    await until(async () => rig.log().split(asked).length > 2, "it finds the challenge again");
    await rig.anvil.call("evm_mine");
    await untilAnswered(accountId, seq);
    await until(async () => (await rig.metric("ai1net_open_challenges")) === 0, "it knows");
    assert.equal(await settlerNonce(), nonce + 1, "one transaction");
    assert.equal(await tokensOf(wallet.account.address), 0n);
  });

  it("that was never given costs the operator: the payer is refunded, the challenger paid, the router serves on", async () => {
    // The operator's own key settles a row of a strict account that nobody signed for.
    const { registry, escrow, disputes } = chain();
    const { ledger } = rig.anvil.contracts("settler");
    const { operatorId } = network;
    const { offerId } = rig.anvil.economy.providers[0]!;
    const payer = rig.anvil.contracts("payer");
    const owner = rig.anvil.economy.payer;
    const terms = { owner, operatorId, signer: owner, strict: true, maxAppFeePct: 3 };
    await mined(payer.token.approve(network.contracts.escrow, parseTokens("5")));
    await mined(payer.escrow.deposit(terms, parseTokens("5")));
    const accountId = Number(await escrow.accountIdOf(terms));
    const offer = await registry.offer(offerId);
    const row: Row = { offerId, inputUnits: 1_000, outputUnits: 200, timing: 120 };
    const takenWei = 1_000n * offer.inputPrice + 200n * offer.outputPrice + offer.requestPrice;
    const batchNo = Number(await ledger.nextBatchNo(operatorId));
    const servedAtSec = Number((await rpc.getBlock()).timestamp);
    const { bytes } = encodeBatch({
      batchNo,
      servedFromSec: servedAtSec,
      servedToSec: servedAtSec,
      groups: [{ accountId, appId: 0, rows: [row] }],
    });
    await mined(ledger.settle(operatorId, bytes));
    const batch = storedBatch(batchNo, bytes, [{ accountId, startSeq: 0, count: 1 }]);
    const prove = rowProver(operatorId, { batchOf: async () => batch }, await rig.anvil.open());
    const proof = await prove(accountId, 0);
    assert.ok(proof);

    const wallet = await challenger();
    const held = { bond: await bondWei(), balance: (await escrow.account(accountId)).balance };
    await challenge(wallet, {
      batch_no: batchNo,
      proof: { ...proof, shortfall: String(proof.shortfallWei) },
    });
    await until(
      async () => (await rig.metric('ai1net_challenges_total{result="missing"}')) === 1,
      "the router notices that it has nothing to show",
    );
    assert.match(rig.log(), /"level":50.*no authorization is kept for a challenged row/u);
    assert.equal((await rig.get("/readyz")).status, 200);
    await assert.rejects(resolveChallenge(wallet, network, accountId, 0), /Challenges_TooEarly|0x/u);

    const { answerBySec } = await challengeOf(rpc, network, accountId, 0);
    await rig.anvil.call("evm_setNextBlockTimestamp", answerBySec + 1);
    await rig.anvil.call("evm_mine");
    const late = 'ai1net_challenges_total{result="late"}';
    await until(async () => (await rig.metric(late)) === 1, "the router says that it is too late");
    const hash = await resolveChallenge(wallet, network, accountId, 0);
    assert.equal((await rpc.waitForTransactionReceipt({ hash })).status, "success");
    assert.equal(await stateOf(accountId, 0), "refunded");
    const penaltyWei = await disputes.penalty();
    assert.equal(held.bond - (await bondWei()), penaltyWei, "slashed");
    assert.equal(await tokensOf(wallet.account.address), depositWei + penaltyWei / 2n);
    assert.equal(await disputes.openClaims(operatorId), takenWei);

    const [claim] = await disputes.queryFilter(disputes.filters.ClaimRecorded(operatorId, REFUND, accountId));
    const unbondingSec = Number(await registry.unbondingPeriod());
    await rig.anvil.call("evm_setNextBlockTimestamp", answerBySec + 2 * unbondingSec);
    await mined(disputes.collect(operatorId, REFUND, accountId, claim!.args.bucket));
    assert.equal((await escrow.account(accountId)).balance - held.balance, takenWei, "refunded in full");

    const args = ["--rpc", rig.anvil.rpcUrl, "--ledger", network.contracts.ledger, "--json"];
    const audit = await runScript("audit/main.ts", ...args);
    assert.equal(audit.code, 0, audit.stdout + audit.stderr);
  });
});
