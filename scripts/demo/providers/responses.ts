/** The demo's chats as OpenAI's Responses API has them: the same answers in its shapes. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { ChatAbility } from "./ability.ts";
import { begin, type Pace } from "./answers.ts";
import type { FinishReason } from "./limitText.ts";
import type { ResponseBody } from "./requests.ts";
import { countTokens } from "./tokenizer.ts";

const idOf = (kind: string): string => `${kind}_${randomBytes(12).toString("hex")}`;

const part = (text: string) => ({ type: "output_text", text, annotations: [] });

/** The parts that every event repeats, and how they look when the text is there. */
function shapes(model: string) {
  const [id, itemId] = [idOf("resp"), idOf("msg")];
  const createdSec = Math.floor(Date.now() / 1_000);
  const item = (status: string, text?: string) => ({
    id: itemId,
    type: "message",
    role: "assistant",
    status,
    content: text === undefined ? [] : [part(text)],
  });
  const response = (status: string, rest: object) => ({
    id,
    object: "response",
    created_at: createdSec,
    status,
    model,
    error: null,
    store: false,
    output: [],
    ...rest,
  });
  const ended = (text: string, promptTokens: number, reason: FinishReason) => {
    const isCut = reason === "length";
    const outputTokens = countTokens(text);
    return response(isCut ? "incomplete" : "completed", {
      incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
      output: [item("completed", text)],
      usage: {
        input_tokens: promptTokens,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: outputTokens,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: promptTokens + outputTokens,
      },
    });
  };
  return { itemId, item, response, ended };
}

/** A whole response. */
export async function respond(
  ability: ChatAbility,
  body: ResponseBody,
  pace: Pace,
  signal: AbortSignal,
): Promise<object> {
  const { promptTokens, texts } = begin(ability, body.chat, pace, signal);
  let text = "";
  let next = await texts.next();
  for (; !next.done; next = await texts.next()) text += next.value;
  return shapes(body.chat.model).ended(text, promptTokens, next.value);
}

/** Writes a response's events until it ends. */
export async function streamResponse(
  ability: ChatAbility,
  body: ResponseBody,
  pace: Pace,
  http: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { promptTokens, texts } = begin(ability, body.chat, pace, signal);
  const { itemId, item, response, ended } = shapes(body.chat.model);
  const place = { item_id: itemId, output_index: 0, content_index: 0 };
  let sequence = 0;
  const write = async (type: string, fields: object): Promise<void> => {
    const event = JSON.stringify({ type, sequence_number: sequence++, ...fields });
    if (!http.write(`event: ${type}\ndata: ${event}\n\n`)) await once(http, "drain", { signal });
  };
  http.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  await write("response.created", { response: response("in_progress", {}) });
  await write("response.output_item.added", { output_index: 0, item: item("in_progress") });
  await write("response.content_part.added", { ...place, part: part("") });
  let text = "";
  let next = await texts.next();
  for (; !next.done; next = await texts.next()) {
    text += next.value;
    await write("response.output_text.delta", { ...place, delta: next.value });
  }
  await write("response.output_text.done", { ...place, text });
  await write("response.content_part.done", { ...place, part: part(text) });
  await write("response.output_item.done", { output_index: 0, item: item("completed", text) });
  const whole = ended(text, promptTokens, next.value);
  await write(`response.${whole.status}`, { response: whole });
  http.end();
}
