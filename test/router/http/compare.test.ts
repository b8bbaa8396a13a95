/** One prompt, several models, side by side. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startClient } from "../../fakes/client.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { ACCOUNT, BEARER, MODEL, SOLVER, sampleOffer } from "../../fakes/world.ts";

const offers = [1, 5].map((modelId) =>
  sampleOffer({ offerId: modelId * 100, listingId: modelId, providerId: modelId, modelId }),
);
const ENTRY = {
  models: [MODEL, SOLVER],
  messages: [{ role: "user", content: "Say hello." }],
  max_tokens: 10,
};

interface Column {
  readonly column: number;
  readonly object?: string;
  readonly model?: string;
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string };
    readonly message?: { readonly content: string };
  }[];
  readonly usage?: { readonly cost_wei: string };
  readonly receipt?: { readonly id: string };
  readonly error?: { readonly code: number };
  readonly columns?: readonly Column[];
}

function post(origin: string, body: object, signal?: AbortSignal): Promise<Response> {
  const headers = { authorization: BEARER, "content-type": "application/json" };
  return fetch(`${origin}/v1/compare`, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

async function events(response: Response): Promise<Column[]> {
  const text = await response.text();
  assert.ok(text.endsWith("data: [DONE]\n\n"));
  return text
    .split("\n\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)) as Column);
}

describe("POST /v1/compare", () => {
  it("answers side by side, each with its cost and receipt", async (t) => {
    const { upstream, origin, world } = await startClient(t, { offers });
    upstream.script(1, { answer: answer("one", 12, 3) });
    upstream.script(5, { answer: answer("five", 10, 1) });
    const response = await post(origin, ENTRY);
    assert.equal(response.status, 200);
    const body = (await response.json()) as {
      object: string;
      usage: { cost_wei: string };
      columns: Column[];
    };
    assert.equal(body.object, "comparison");
    assert.deepEqual(
      body.columns.map(({ column, model, choices, usage: spent }) => [
        column,
        model,
        choices?.[0]?.message?.content,
        spent?.cost_wei,
      ]),
      [
        [0, MODEL, "one", "217"],
        [1, SOLVER, "five", "137"],
      ],
    );
    assert.equal(body.usage.cost_wei, String(217 + 137));
    assert.deepEqual(body.columns.map(({ receipt }) => String(receipt?.id)).toSorted(), [
      `${ACCOUNT}-0`,
      `${ACCOUNT}-1`,
    ]);
    assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
    assert.equal(world.accounts.unsettledWei(ACCOUNT), 217n + 137n);
    assert.ok(upstream.requests.every(({ body: sent }) => !("models" in sent)));
  });

  it("streams the columns as they come, each event with its column", async (t) => {
    const { upstream, origin } = await startClient(t, { offers });
    const turn = Promise.withResolvers<void>();
    upstream.script(1, {
      chunks: [role, delta("o"), async () => turn.promise, delta("ne"), finish(), usage(12, 3)],
    });
    upstream.script(5, { chunks: [role, delta("five"), finish(), usage(10, 1), () => turn.resolve()] });
    const all = await events(await post(origin, { ...ENTRY, stream: true }));
    const textOf = (column: number): string =>
      all
        .filter((event) => event.column === column)
        .map((event) => event.choices?.[0]?.delta?.content ?? "")
        .join("");
    assert.deepEqual([textOf(0), textOf(1)], ["one", "five"]);
    const order = all.flatMap(({ column, choices }) => (choices?.[0]?.delta?.content ? [column] : []));
    assert.deepEqual(order.at(-1), 0, "the slower column ends last, and keeps nobody waiting");
    const end = all.at(-1);
    assert.equal(end?.object, "comparison.end");
    assert.deepEqual(
      end?.columns?.map(({ model, usage: spent }) => [model, spent?.cost_wei]),
      [
        [MODEL, "217"],
        [SOLVER, "137"],
      ],
    );
    assert.ok(end?.columns?.every(({ receipt }) => receipt?.id));
  });

  it("goes on when a column fails, whole and in a stream", async (t) => {
    for (const stream of [false, true]) {
      const { upstream, origin, world } = await startClient(t, { offers });
      upstream.script(1, { fault: "server" });
      upstream.script(5, {
        answer: answer("five", 10, 1),
        chunks: [role, delta("five"), finish(), usage(10, 1)],
      });
      const response = await post(origin, { ...ENTRY, models: [MODEL, SOLVER, "nobody/none"], stream });
      assert.equal(response.status, 200);
      const columns = stream
        ? (await events(response)).at(-1)?.columns
        : ((await response.json()) as Column).columns;
      assert.deepEqual(
        columns?.map(({ error, usage: spent }) => error?.code ?? spent?.cost_wei),
        [502, "137", 404],
      );
      assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
      assert.equal(world.accounts.unsettledWei(ACCOUNT), 137n);
    }
  });

  it("says so with a status when every column failed", async (t) => {
    const { upstream, origin } = await startClient(t, { offers });
    for (const listingId of [1, 5]) upstream.script(listingId, { fault: "server" });
    const response = await post(origin, ENTRY);
    assert.equal(response.status, 502);
    const { error } = (await response.json()) as { error: { metadata: { columns: Column[] } } };
    assert.deepEqual(
      error.metadata.columns.map((column) => column.error?.code),
      [502, 502],
    );
  });

  it("holds for all columns before any leaves: all of them, or 402", async (t) => {
    // About 6,700 wei a column: 10 x (bytes + 528) + 10 x 30 + 7.
    const { upstream, origin, world } = await startClient(t, { offers, balanceWei: 10_000n });
    for (const listingId of [1, 5]) upstream.script(listingId, { answer: answer("x", 1, 1) });
    const alone = await fetch(`${origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: BEARER, "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL, messages: ENTRY.messages, max_tokens: 10 }),
    });
    assert.equal(alone.status, 200, "one of them has enough");
    const before = world.accounts.availableWei(ACCOUNT);
    const response = await post(origin, ENTRY);
    assert.equal(response.status, 402);
    assert.equal(upstream.requests.length, 1);
    assert.equal(world.accounts.availableWei(ACCOUNT), before);
  });

  it("gives back each column's part when that column ends", async (t) => {
    const { upstream, origin, world } = await startClient(t, { offers });
    const turn = Promise.withResolvers<void>();
    let heldAtFirst = 0n;
    upstream.script(1, { chunks: [role, delta("o"), async () => turn.promise, finish(), usage(1, 1)] });
    upstream.script(5, {
      chunks: [
        role,
        () => void (heldAtFirst = world.accounts.heldWei(ACCOUNT)),
        delta("x"),
        finish(),
        usage(1, 1),
      ],
    });
    const done = post(origin, { ...ENTRY, stream: true }).then(events);
    while (world.journal.outcomes.length === 0) await setTimeout(5);
    await setTimeout(20);
    const held = world.accounts.heldWei(ACCOUNT);
    assert.ok(held > 0n && held < heldAtFirst, `${held} of ${heldAtFirst}`);
    turn.resolve();
    await done;
    assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
  });

  it("cancels every column when the caller leaves, and bills what was received", async (t) => {
    const { upstream, origin, world } = await startClient(t, { offers });
    const controller = new AbortController();
    const left = Promise.withResolvers<void>();
    for (const listingId of [1, 5])
      upstream.script(listingId, {
        chunks: [role, delta("hello"), async () => left.promise, delta("more"), finish()],
      });
    const response = await post(origin, { ...ENTRY, stream: true }, controller.signal);
    await (response.body as ReadableStream<Uint8Array>).getReader().read();
    await setTimeout(30);
    controller.abort();
    await setTimeout(50);
    left.resolve();
    while (world.journal.outcomes.length < 2) await setTimeout(5);
    assert.equal(upstream.cancelled, 2);
    const units = world.journal.outcomes.map(({ receipts }) => receipts[0]?.receipt.outputUnits);
    assert.deepEqual(units, [1, 1]);
    while (world.accounts.heldWei(ACCOUNT) > 0n) await setTimeout(5);
  });

  it("is refused for one model, nine, or the same twice, and without a key", async (t) => {
    const { origin } = await startClient(t, { offers });
    const nine = Array.from({ length: 9 }, (_, i) => `m${i}`);
    for (const models of [[MODEL], nine, [MODEL, MODEL]])
      assert.equal((await post(origin, { ...ENTRY, models })).status, 400);
    const stranger = await fetch(`${origin}/v1/compare`, { method: "POST", body: "{}" });
    assert.equal(stranger.status, 401);
  });
});
