/** A router with everything real but the chain, between a caller and providers over HTTP: what each of them saw. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { openFileJournal } from "../../../router/adapters/journal/fileJournal.ts";
import { recoverAddress } from "../../../router/adapters/signer/receiptSigner.ts";
import { HttpUpstream } from "../../../router/adapters/upstream/httpUpstream.ts";
import type { UpstreamLimits } from "../../../router/adapters/upstream/limits.ts";
import { Gate } from "../../../router/http/gate.ts";
import { decodeBatch } from "../../../router/model/batch.ts";
import { fromHex } from "../../../router/model/bytes.ts";
import { amountOf, type Offer } from "../../../router/model/offer.ts";
import { receiptHasher, type Receipt, type SignedReceipt } from "../../../router/model/receipt.ts";
import { buildBatch, MAX_BATCH_GAS } from "../../../router/settlement/build.ts";
import { runApp } from "../../fakes/app.ts";
import { event, json, openStream, runProvider, type Behaviour, type Provider } from "../../fakes/provider.ts";
import { IDENTITY, RECEIPT_DOMAIN, SIGNER, silentLog, temporaryDirectory } from "../../fakes/samples.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import {
  ACCOUNT,
  BEARER,
  fakeWorld,
  MODEL,
  sampleEndpoint,
  sampleOffer,
  type FakeWorld,
} from "../../fakes/world.ts";

export const BALANCE = 1_000_000n;

const LIMITS: Partial<UpstreamLimits> = {
  connectMs: 300,
  headersMs: 300,
  firstContentMs: 500,
  msPerUnit: 0,
  idleMs: 250,
  tailMs: 100,
  totalMs: 3_000,
  mostAnswerBytes: 200_000,
  mostEventCharacters: 10_000,
  mostHeaderBytes: 4_096,
};

/** What came back to the caller. */
export interface Seen {
  readonly status: number;
  /** `error.metadata.error_type`, of a status or of a chunk. */
  readonly errorType: string | undefined;
  readonly previousErrors: readonly { readonly provider: string; readonly code: string }[] | undefined;
  readonly retryAfter: string | null;
  /** False: a stock client was told not to repeat the request by itself. */
  readonly mayRepeat: boolean;
  readonly text: string;
  readonly finishReason: string | undefined;
  /** A stream said `[DONE]`. */
  readonly isDone: boolean;
  readonly costWei: bigint | undefined;
  readonly usage: Readonly<Record<string, unknown>> | undefined;
  readonly receipt: { readonly id: string; readonly signature: string } | undefined;
}

interface Body {
  readonly error?: { readonly metadata: { error_type: string; previous_errors?: Seen["previousErrors"] } };
  readonly choices?: readonly {
    readonly message?: { readonly content: string | null };
    readonly delta?: { readonly content?: string };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly cost_wei: string };
  readonly receipt?: Seen["receipt"];
}

function readSeen(response: Response, bodies: readonly Body[], isDone: boolean): Seen {
  const error = bodies.find((body) => body.error)?.error;
  const choices = bodies.flatMap((body) => body.choices ?? []);
  const last = bodies.findLast((body) => body.usage);
  return {
    status: response.status,
    errorType: error?.metadata.error_type,
    previousErrors: error?.metadata.previous_errors,
    retryAfter: response.headers.get("retry-after"),
    mayRepeat: response.headers.get("x-should-retry") !== "false",
    text: choices.map((choice) => choice.message?.content ?? choice.delta?.content ?? "").join(""),
    finishReason: choices.map((choice) => choice.finish_reason).findLast(Boolean) ?? undefined,
    isDone,
    costWei: last?.usage && BigInt(last.usage.cost_wei),
    usage: last?.usage,
    receipt: bodies.findLast((body) => body.receipt)?.receipt,
  };
}

/** Provider 1 misbehaves; provider 2, dearer, is there if `spare`, and never does. */
export interface Stage {
  readonly origin: string;
  readonly world: Omit<FakeWorld, "journal" | "upstream">;
  /** Undefined: nobody listens where provider 1 should be. */
  readonly bad: Provider | undefined;
  readonly spare: Provider | undefined;
  ask(fields?: Readonly<Record<string, unknown>>): Promise<Seen>;
  /** The journal's rows: signed by the router's key, numbered without a gap. */
  rows(): Promise<readonly SignedReceipt[]>;
  /**
   * Nothing is held or in flight, and journal, account and the batch that would settle it agree on what was charged;
   * the amount.
   */
  charged(): Promise<bigint>;
}

const messages = [{ role: "user", content: "Say hello." }];
const request = (fields: Readonly<Record<string, unknown>>) => ({
  method: "POST",
  headers: { authorization: BEARER, "content-type": "application/json" },
  body: JSON.stringify({ model: MODEL, messages, ...fields }),
});

export const SPARE_TEXT = "from the spare";
const serveWell: Behaviour = async (res, _req, body) => {
  if (body["stream"] !== true) return json(res, 200, answer(SPARE_TEXT, 12, 3));
  openStream(res);
  for (const chunk of [role, delta(SPARE_TEXT), finish(), usage(12, 3)]) res.write(event(chunk));
  return void res.end("data: [DONE]\n\n");
};
/** What the spare's answer costs. */
export const SPARE_WEI = 12n * 20n + 3n * 60n + 7n;

const closedPort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

export async function setStage(
  test: TestContext,
  behave: Behaviour | "nobody listens",
  options: { spare?: boolean; offer?: Partial<Offer>; limits?: Partial<UpstreamLimits> } = {},
): Promise<Stage> {
  const { spare: hasSpare = false } = options;
  const offers = [sampleOffer(options.offer)];
  if (hasSpare)
    offers.push(
      sampleOffer({ offerId: 200, listingId: 2, providerId: 2, inputPrice: 20n, outputPrice: 60n }),
    );
  const bad = behave === "nobody listens" ? undefined : await runProvider(test, behave);
  const spare = hasSpare ? await runProvider(test, serveWell) : undefined;
  const world = fakeWorld({ offers, balanceWei: BALANCE });
  const places = [bad?.baseUrl ?? `http://127.0.0.1:${await closedPort()}/v1`, spare?.baseUrl];
  places.forEach((baseUrl, i) => {
    if (baseUrl !== undefined) world.market.setEndpoint(sampleEndpoint({ listingId: i + 1, baseUrl }));
  });

  const upstream = new HttpUpstream({ allowLoopback: true }, { ...LIMITS, ...options.limits });
  test.after(async () => upstream.close());
  const journal = await openFileJournal({
    directory: temporaryDirectory(test),
    identity: IDENTITY,
    sign: SIGNER.sign,
    clock: world.clock,
    log: silentLog,
  });
  test.after(async () => journal.close());
  await journal.openAccount(ACCOUNT, 0);

  const gate = new Gate();
  const { origin } = await runApp(test, world, { world: { ...world, upstream, journal }, gate });

  const rows = async (): Promise<readonly SignedReceipt[]> => {
    const entries = (await Array.fromAsync(journal.readFrom(0))).flat();
    const receipts = entries.flatMap(({ record }) =>
      record.kind === "outcome" ? record.outcome.receipts : [],
    );
    const hash = receiptHasher(RECEIPT_DOMAIN);
    receipts.forEach(({ receipt, signature }, i) => {
      assert.equal(receipt.seq, i, "numbered without a gap");
      assert.equal(recoverAddress(hash(receipt), fromHex(signature)), SIGNER.address);
    });
    return receipts;
  };

  return {
    origin,
    world,
    bad,
    spare,
    rows,
    async ask(fields = {}) {
      const response = await fetch(`${origin}/v1/chat/completions`, request(fields));
      const text = await response.text();
      if (!response.headers.get("content-type")?.startsWith("text/event-stream"))
        return readSeen(response, [JSON.parse(text) as Body], false);
      const data = text.split("\n\n").filter((line) => line.startsWith("data: "));
      const isDone = data.at(-1) === "data: [DONE]";
      const bodies = (isDone ? data.slice(0, -1) : data).map((line) => JSON.parse(line.slice(6)) as Body);
      return readSeen(response, bodies, isDone);
    },
    async charged() {
      await gate.drain();
      const { accounts, market } = world;
      assert.equal(accounts.heldWei(ACCOUNT), 0n, "something is still held");
      for (const { listingId } of offers) assert.equal(market.health(listingId).inFlight, 0);
      const receipts = (await rows()).map(({ receipt }) => receipt);
      const chargedWei = receipts.reduce((sum, { amountWei }) => sum + amountWei, 0n);
      assert.equal(accounts.availableWei(ACCOUNT), BALANCE - chargedWei);
      assert.equal(ledgerAmount(receipts, offers), chargedWei, "the Ledger would charge something else");
      return chargedWei;
    },
  };
}

/** What the Ledger makes of the rows: priced from the batch's bytes and the price lists alone. */
function ledgerAmount(receipts: readonly Receipt[], offers: readonly Offer[]): bigint {
  if (receipts.length === 0) return 0n;
  const offer = (offerId: number) => offers.find((known) => known.offerId === offerId);
  const { batch, blocked } = buildBatch([{ accountId: ACCOUNT, nextSeq: 0, rows: receipts }], {
    operatorId: IDENTITY.operatorId,
    batchNo: 0,
    offer,
    graceSec: 0,
    chainTimeSec: Number.MAX_SAFE_INTEGER,
    builtAtMs: 0,
    limits: { maxRows: 1_000, maxBytes: 100_000, maxGas: MAX_BATCH_GAS },
  });
  assert.deepEqual(blocked, []);
  const { groups } = decodeBatch(fromHex(batch?.bytes ?? "0x"));
  return groups
    .flatMap((group) => group.rows)
    .filter((row) => row.timing > 0)
    .reduce((sum, row) => sum + amountOf(offer(row.offerId) as Offer, row), 0n);
}
