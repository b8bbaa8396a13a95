/** Images and speech, as a stock OpenAI client asks for them. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request, type IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { costsOf, failure, startClient } from "../../fakes/client.ts";
import { wave } from "../../fakes/sound.ts";
import { ACCOUNT, BEARER, MODEL, PAINTER, SPEAKER, sampleOffer } from "../../fakes/world.ts";

const PICTURE = Buffer.from("a picture").toString("base64");

describe("POST /v1/images/generations", () => {
  const offers = [sampleOffer({ modelId: 3, inputPrice: 0n, outputPrice: 400n, requestPrice: 7n })];

  it("costs what it says for each image that came", async (t) => {
    const { client, upstream, world } = await startClient(t, { offers });
    let heldWei = 0n;
    const complete = upstream.complete.bind(upstream);
    upstream.complete = async (...args) => {
      heldWei = world.accounts.heldWei(ACCOUNT);
      return complete(...args);
    };
    const data = [{ b64_json: PICTURE }, { b64_json: PICTURE }];
    upstream.script(1, {
      answer: { created: 1, data, size: "64x64", usage: { input_tokens: 9, output_tokens: 5_000 } },
    });
    const answer = await client.images.generate({ model: PAINTER, prompt: "a house", n: 3, size: "auto" });
    assert.deepEqual(answer.data, data);
    assert.equal(heldWei, 3n * 400n + 7n);
    const { usage, receipt } = costsOf(answer);
    assert.deepEqual([usage["images"], usage.cost_wei], [2, String(2 * 400 + 7)]);
    assert.deepEqual([receipt.fields.inputUnits, receipt.fields.outputUnits], [0, 2]);
    assert.equal(upstream.requests[0]?.path, "/images/generations");
    assert.deepEqual(upstream.requests[0]?.body, {
      model: "upstream-model",
      prompt: "a house",
      n: 3,
      size: "auto",
    });
  });

  it("is never more than was asked for", async (t) => {
    const { client, upstream } = await startClient(t, { offers });
    upstream.script(1, {
      answer: { data: Array.from({ length: 5 }, () => ({ url: "https://x.example/1.png" })) },
    });
    const answer = await client.images.generate({ model: PAINTER, prompt: "a house" });
    assert.equal(costsOf(answer).usage.cost_wei, "407");
  });

  it("costs nothing for an answer without images", async (t) => {
    const { client, upstream, world } = await startClient(t, { offers });
    upstream.script(1, { answer: { data: [{}] } });
    const error = await failure(client.images.generate({ model: PAINTER, prompt: "a house" }));
    assert.equal(error.status, 502);
    assert.equal(world.accounts.unsettledWei(ACCOUNT), 0n);
  });

  it("can't be asked of a model that is billed by the token", async (t) => {
    const { client, upstream } = await startClient(t);
    const error = await failure(client.images.generate({ model: MODEL, prompt: "a house" }));
    assert.equal(error.status, 404);
    assert.match(error.message, /does not do this kind of request/);
    assert.equal(upstream.requests.length, 0);
  });
});

describe("POST /v1/audio/speech", () => {
  const offers = [sampleOffer({ modelId: 4, inputPrice: 0n, outputPrice: 50n, requestPrice: 7n })];
  const sound = wave(2.25, 8_000);
  const pieces = [sound.subarray(0, 5_000), sound.subarray(5_000, 20_000), sound.subarray(20_000)];
  const entry = { model: SPEAKER, input: "Hello there.", voice: "alloy", response_format: "wav" as const };

  it("passes the bytes on, bills begun seconds, and has a receipt for them", async (t) => {
    const { client, upstream, world, origin } = await startClient(t, { offers });
    upstream.script(1, { bytes: { contentType: "audio/wav", chunks: pieces } });
    const response = await client.audio.speech.create(entry);
    assert.equal(response.headers.get("content-type"), "audio/wav");
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), sound);
    const [row] = world.journal.outcomes[0]?.receipts ?? [];
    assert.deepEqual([row?.receipt.inputUnits, row?.receipt.outputUnits], [0, 3]);
    assert.equal(row?.receipt.amountWei, 3n * 50n + 7n);
    assert.equal(row?.receipt.responseHash, `0x${createHash("sha256").update(sound).digest("hex")}`);
    const id = response.headers.get("x-generation-id") ?? "";
    const found = await fetch(`${origin}/v1/receipts/${id}`, { headers: { authorization: BEARER } });
    assert.equal(((await found.json()) as { id: string }).id, `${ACCOUNT}-0`);
    assert.deepEqual(upstream.requests[0]?.body, { ...entry, model: "upstream-model" });
  });

  it("comes with the receipt after the last byte, which waits for the journal", async (t) => {
    const { upstream, world, origin } = await startClient(t, { offers });
    upstream.script(1, { bytes: { contentType: "audio/wav", chunks: pieces } });
    let received = 0;
    let receivedAtCommit = -1;
    world.journal.delay = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      receivedAtCommit = received;
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: BEARER, "content-type": "application/json" };
      request(`${origin}/v1/audio/speech`, { method: "POST", headers }, resolve)
        .once("error", reject)
        .end(JSON.stringify(entry));
    });
    for await (const chunk of response as AsyncIterable<Buffer>) received += chunk.length;
    assert.equal(received, sound.length);
    assert.equal(receivedAtCommit, 20_000);
    const receipt = Buffer.from(String(response.trailers["x-ai1net-receipt"]), "base64url").toString();
    assert.equal((JSON.parse(receipt) as { id: string }).id, `${ACCOUNT}-0`);
  });

  it("holds a second for each character, and never bills more", async (t) => {
    const { client, upstream, world } = await startClient(t, { offers });
    const bytes = upstream.bytes.bind(upstream);
    let heldWei = 0n;
    upstream.bytes = async (...args) => {
      heldWei = world.accounts.heldWei(ACCOUNT);
      return bytes(...args);
    };
    upstream.script(1, { bytes: { contentType: "audio/wav", chunks: [wave(90, 4_000)] } });
    await client.audio.speech.create({ ...entry, input: "Hello" });
    assert.equal(heldWei, 10n * 50n + 7n);
    assert.equal(world.journal.outcomes[0]?.receipts[0]?.receipt.outputUnits, 10);
    assert.ok(world.metrics.seen.some(([name]) => name === "overreported"));
  });

  it("breaks in the open when the provider does: no clean end, and nothing is charged", async (t) => {
    const { client, upstream, world } = await startClient(t, { offers });
    upstream.script(1, { bytes: { contentType: "audio/wav", chunks: pieces }, fault: "connect" });
    const response = await client.audio.speech.create(entry);
    await assert.rejects(response.arrayBuffer());
    while (world.journal.outcomes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(world.journal.outcomes[0]?.receipts[0]?.receipt.timing, 0);
    assert.equal(world.accounts.unsettledWei(ACCOUNT), 0n);
    assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
  });

  it("goes to the next provider before the first byte", async (t) => {
    const both = [
      ...offers,
      sampleOffer({ ...offers[0], offerId: 200, listingId: 2, providerId: 2, outputPrice: 60n }),
    ];
    const { client, upstream, world } = await startClient(t, { offers: both });
    const page = Buffer.from("<html>what is not a sound, though it says so</html>");
    upstream.script(1, { bytes: { contentType: "audio/mpeg", chunks: [page] } });
    upstream.script(2, { bytes: { contentType: "audio/wav", chunks: [sound] } });
    await client.audio.speech.create(entry);
    const rows = world.journal.outcomes[0]?.receipts.map(({ receipt }) => receipt.amountWei);
    assert.deepEqual(rows, [0n, 3n * 60n + 7n]);
  });

  it("costs what was received when the caller leaves", async (t) => {
    const { client, upstream, world } = await startClient(t, { offers });
    const controller = new AbortController();
    const left = Promise.withResolvers<void>();
    upstream.script(1, {
      bytes: { contentType: "audio/wav", chunks: [...pieces, async () => left.promise, sound] },
    });
    const response = await client.audio.speech.create(entry, { signal: controller.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    controller.abort();
    await new Promise((resolve) => setTimeout(resolve, 50));
    left.resolve();
    while (world.journal.outcomes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(world.journal.outcomes[0]?.receipts[0]?.receipt.outputUnits, 3);
    assert.equal(upstream.cancelled, 1);
  });

  it("refuses what can't be measured", async (t) => {
    const { client } = await startClient(t, { offers });
    const error = await failure(client.audio.speech.create({ ...entry, response_format: "flac" }));
    assert.equal(error.status, 400);
    assert.equal(error.param, "response_format");
  });
});
