import type { IncomingMessage } from "node:http";
import { isObject } from "../model/chat.ts";
import type { Demand } from "../request/demand.ts";
import { invalidRequest } from "../request/refusal.ts";
import type { Task } from "../routing/tasks.ts";
import type { JsonBody } from "./readBody.ts";
import { chatDemand, embeddingsDemand } from "./readDemand.ts";
import { imagesDemand, speechDemand } from "./readMedia.ts";
import { AiFields, parse } from "./schemas.ts";

/** What a model that does anything is told to do with the input. A model made for the task needs none of it. */
const INSTRUCTIONS: Partial<Record<Task, string>> = {
  summarize: "Summarize what the user sends, in its own language.",
  math: "Solve what the user asks, exactly. End with the result.",
  code: "Answer with working code, and as little else as it needs.",
  write: "Write what the user asks for.",
  translate: "Translate what the user sends; into English if it does not say.",
  extract: "Extract from what the user sends, as JSON and nothing else.",
  classify: "Classify what the user sends. Answer with the label alone.",
};

const textOf = (input: string | readonly unknown[]): string => {
  if (typeof input === "string") return input;
  throw invalidRequest("input: must be a text for this task", "input");
};

function messagesOf(task: Task, input: string | readonly unknown[]): unknown[] {
  if (typeof input !== "string") {
    if (!input.every(isObject)) throw invalidRequest("input: must be a text, or messages", "input");
    return [...input];
  }
  const instruction = INSTRUCTIONS[task];
  const user = { role: "user", content: input };
  return instruction === undefined ? [user] : [{ role: "system", content: instruction }, user];
}

/** A request that names a task: as one to the endpoint that does it, with the model left to choose. @throws {Refusal} 400 */
export function aiDemand(req: IncomingMessage, received: JsonBody): Demand {
  const fields = parse(AiFields, received.body);
  const { task, input, preferences, provider, trace, stream, options } = fields;
  const common = {
    ...options,
    model: fields.model ?? "auto",
    task,
    preferences: received.body["preferences"],
  };
  const most = fields.max_output_units ?? undefined;
  const asked = {
    ...common,
    ...(provider && { provider: received.body["provider"] }),
    ...(trace === true && { trace }),
    ...(preferences === undefined && { preferences: null }),
  };
  const as = (body: object): JsonBody => ({
    body: { ...asked, ...body },
    bytes: received.bytes + SHAPE_BYTES,
  });
  const demandOf = (): Demand => {
    if (task === "embed") return embeddingsDemand(req, as({ input }));
    if (task === "image")
      return imagesDemand(req, as({ prompt: textOf(input), ...(most !== undefined && { n: most }) }));
    if (task === "speech") return speechDemand(req, as({ voice: "alloy", ...options, input: textOf(input) }));
    const limits = { ...(stream === true && { stream }), ...(most !== undefined && { max_tokens: most }) };
    return chatDemand(req, as({ messages: messagesOf(task, input), ...limits }));
  };
  return { ...demandOf(), received: received.body };
}

/** At least what the endpoint's own shape adds to the length of a body: a bound on tokens is made of it. */
const SHAPE_BYTES = 256;
