/** Stock clients, unmodified, with nothing changed but a base URL and a key. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { OpenRouter } from "@openrouter/sdk";
import { generateText, isStepCount, Output, streamText, tool } from "ai";
import OpenAI, { APIError, AuthenticationError } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { receiptsOf, startRig, untilAllSettled, type Rig } from "./fixtures/rig.ts";
import { BUSY, CITY, GREETING, scriptedModel } from "./fixtures/scriptedModel.ts";

const City = z.object({ city: z.string(), population: z.number() });
const Place = z.object({ city: z.string() });
const WEATHER = "22 degrees and sunny in Paris";
const QUESTION = "How is the weather in Paris?";

describe("stock clients", () => {
  let rig: Rig;
  let key: string;
  let account: number;
  let baseURL: string;
  let before_: number;

  const receipts = async (): Promise<number> => (await receiptsOf(rig, account, key)).length;
  /** Every request of a client is one receipt: neither lost nor charged twice. */
  const assertReceipts = async (requests: number): Promise<void> => {
    assert.equal((await receipts()) - before_, requests);
  };

  before(async () => {
    rig = await startRig({ behave: scriptedModel() });
    account = rig.anvil.economy.accountId;
    key = await rig.key(account);
    baseURL = `${rig.url}/v1`;
  });
  after(async () => {
    await rig?.close();
  });
  beforeEach(async () => {
    before_ = await receipts();
  });

  describe("openai", () => {
    const client = (): OpenAI => new OpenAI({ baseURL, apiKey: key });
    const ask = (content: string) => ({ model: rig.model, messages: [{ role: "user" as const, content }] });
    const weather = {
      type: "function" as const,
      function: { name: "weather", description: "of a city", parameters: z.toJSONSchema(Place) },
    };

    it("streams, with usage and cost in the end", async () => {
      let text = "";
      let usage: OpenAI.CompletionUsage | null | undefined;
      for await (const chunk of await client().chat.completions.create({ ...ask("Hello?"), stream: true })) {
        text += chunk.choices[0]?.delta.content ?? "";
        usage = chunk.usage ?? usage;
      }
      assert.equal(text, GREETING);
      assert.equal(usage?.total_tokens, 30);
      assert.ok("cost" in (usage ?? {}));
      await assertReceipts(1);
    });

    it("calls a tool and takes its result, whole", async () => {
      const request = { ...ask(QUESTION), tools: [weather] };
      const first = await client().chat.completions.create(request);
      const message = first.choices[0]?.message;
      const [call] = message?.tool_calls ?? [];
      assert.ok(message && call?.type === "function");
      assert.deepEqual(JSON.parse(call.function.arguments), { city: "Paris" });
      const second = await client().chat.completions.create({
        ...request,
        messages: [...request.messages, message, { role: "tool", tool_call_id: call.id, content: WEATHER }],
      });
      assert.equal(second.choices[0]?.message.content, `The tool says ${WEATHER}`);
      await assertReceipts(2);
    });

    it("puts a streamed tool call together", async () => {
      const running = client().chat.completions.stream({ ...ask(QUESTION), tools: [weather] });
      const { choices } = await running.finalChatCompletion();
      const [call] = choices[0]?.message.tool_calls ?? [];
      assert.deepEqual(call?.type === "function" && JSON.parse(call.function.arguments), { city: "Paris" });
      assert.equal(choices[0]?.finish_reason, "tool_calls");
      await assertReceipts(1);
    });

    it("parses structured output", async () => {
      const parsed = await client().chat.completions.parse({
        ...ask("Describe Paris."),
        response_format: zodResponseFormat(City, "city"),
      });
      assert.deepEqual(parsed.choices[0]?.message.parsed, CITY);
      await assertReceipts(1);
    });

    it("tries again by itself when every provider is busy, and pays once", async () => {
      const asked = rig.provider.seen.length;
      const answer = await client().chat.completions.create(ask(`openai: ${BUSY}`));
      assert.equal(answer.choices[0]?.message.content, GREETING);
      assert.equal(rig.provider.seen.length - asked, 2);
      await assertReceipts(1);
    });

    it("knows the errors by their classes", async () => {
      const stranger = new OpenAI({ baseURL, apiKey: "sk-nobody", maxRetries: 0 });
      await assert.rejects(stranger.chat.completions.create(ask("Hello?")), AuthenticationError);
      await assert.rejects(
        client().chat.completions.create({ ...ask("Hello?"), model: "nobody/nothing" }),
        (error: unknown) => error instanceof APIError && error.status === 404,
      );
      await assertReceipts(0);
    });
  });

  describe("the Vercel AI SDK", () => {
    const model = () =>
      createOpenAICompatible({ name: "ai1net", baseURL, apiKey: key, supportsStructuredOutputs: true })(
        rig.model,
      );

    it("generates and streams text", async () => {
      const { text, usage } = await generateText({ model: model(), prompt: "Hello?" });
      assert.equal(text, GREETING);
      assert.equal(usage.totalTokens, 30);
      let streamed = "";
      for await (const part of streamText({ model: model(), prompt: "Hello?" }).textStream) streamed += part;
      assert.equal(streamed, GREETING);
      await assertReceipts(2);
    });

    it("runs a tool and goes on with its result", async () => {
      const cities: string[] = [];
      const weather = tool({
        description: "The weather of a city",
        inputSchema: Place,
        execute: ({ city }) => {
          cities.push(city);
          return WEATHER;
        },
      });
      const request = { model: model(), tools: { weather }, stopWhen: isStepCount(3), prompt: QUESTION };
      const { text } = await generateText(request);
      assert.match(text, /^The tool says .*22 degrees/);
      let streamed = "";
      for await (const part of streamText(request).textStream) streamed += part;
      assert.match(streamed, /^The tool says .*22 degrees/);
      assert.deepEqual(cities, ["Paris", "Paris"]);
      await assertReceipts(4);
    });

    it("generates an object by a schema", async () => {
      const { output } = await generateText({
        model: model(),
        output: Output.object({ schema: City }),
        prompt: "Describe Paris.",
      });
      assert.deepEqual(output, CITY);
      await assertReceipts(1);
    });
  });

  describe("LangChain", () => {
    const model = () => new ChatOpenAI({ model: rig.model, apiKey: key, configuration: { baseURL } });
    const weather = langchainTool(() => WEATHER, {
      name: "weather",
      description: "The weather of a city",
      schema: Place,
    });

    it("invokes and streams", async () => {
      assert.equal((await model().invoke("Hello?")).text, GREETING);
      let streamed = "";
      for await (const chunk of await model().stream("Hello?")) streamed += chunk.text;
      assert.equal(streamed, GREETING);
      await assertReceipts(2);
    });

    it("calls a tool and takes its result", async () => {
      const withTools = model().bindTools([weather]);
      const question = new HumanMessage(QUESTION);
      const first = await withTools.invoke([question]);
      const [call] = first.tool_calls ?? [];
      assert.deepEqual(call?.args, { city: "Paris" });
      const result = new ToolMessage({ tool_call_id: call?.id ?? "", content: WEATHER });
      const second = await withTools.invoke([question, first, result]);
      assert.equal(second.text, `The tool says ${WEATHER}`);
      await assertReceipts(2);
    });

    it("gives structured output", async () => {
      const structured = model().withStructuredOutput(City, { method: "jsonSchema", name: "city" });
      assert.deepEqual(await structured.invoke("Describe Paris."), CITY);
      await assertReceipts(1);
    });
  });

  describe("@openrouter/sdk", () => {
    const client = () => new OpenRouter({ apiKey: key, serverURL: baseURL });
    const request = (content: string) => ({
      model: rig.model,
      messages: [{ role: "user" as const, content }],
    });

    it("sends, and reads what it cost as a number", async () => {
      const result = await client().chat.send({ chatRequest: request("Hello?") });
      assert.ok("choices" in result);
      assert.equal(result.choices[0]?.message.content, GREETING);
      assert.equal(result.usage?.totalTokens, 30);
      assert.ok(typeof result.usage?.cost === "number" && result.usage.cost > 0);
      await assertReceipts(1);
    });

    it("looks a past request up", async () => {
      const result = await client().chat.send({ chatRequest: request("Hello?") });
      assert.ok("id" in result);
      const { data } = await client().generations.getGeneration({ id: result.id });
      assert.equal(data.model, rig.model);
      assert.equal(data.usage, result.usage?.cost);
      assert.equal(data.nativeTokensPrompt, result.usage?.promptTokens);
      assert.deepEqual([data.streamed, data.cancelled, data.isByok], [false, false, false]);
      assert.ok((data.generationTime ?? -1) >= 0);
      assert.equal(data.providerResponses?.[0]?.status, 200);
      await assertReceipts(1);
    });

    it("streams, and takes a provider's preferences along", async () => {
      const chatRequest = {
        ...request("Hello?"),
        stream: true as const,
        provider: { allowFallbacks: false },
      };
      const stream = await client().chat.send({ chatRequest });
      assert.ok(Symbol.asyncIterator in stream);
      let text = "";
      let cost: number | null | undefined;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? "";
        cost = chunk.usage?.cost ?? cost;
      }
      assert.equal(text, GREETING);
      assert.ok(typeof cost === "number" && cost > 0);
      await assertReceipts(1);
    });
  });

  it("has all of it on chain in the end, to the wei", async () => {
    await untilAllSettled(rig);
    const all = await receiptsOf(rig, account, key);
    assert.ok(all.length > 15);
    assert.deepEqual(
      all.map(({ fields }) => fields.seq),
      all.map((_, i) => i),
    );
  });
});
