import type { Demand } from "../../router/request/demand.ts";
import type { RepeatMarks } from "../../router/request/repeats.ts";
import type { Call } from "../../router/request/serve.ts";
import { chat } from "../../router/request/wire/chat.ts";
import { NO_PREFERENCES } from "../../router/routing/preferences.ts";
import { BEARER, MODEL } from "./world.ts";

/** A chat of one short message; `bodyBytes` as of its JSON. */
export function sampleDemand(overrides: Partial<Demand> = {}): Demand {
  const body = overrides.body ?? { model: MODEL, messages: [{ role: "user", content: "Say hello." }] };
  return {
    wire: chat,
    model: MODEL,
    stream: false,
    body,
    received: body,
    choice: undefined,
    wantsTrace: false,
    bodyBytes: JSON.stringify(body).length,
    items: 1,
    prompts: 1,
    isTextOnly: true,
    choices: 1,
    outputUnits: undefined,
    preferences: NO_PREFERENCES,
    appId: 0,
    ...overrides,
  };
}

let calls = 0;

export function sampleCall(demand: Demand = sampleDemand(), marks: Partial<RepeatMarks> = {}): Call {
  return {
    requestId: `gen-${++calls}`,
    authorization: BEARER,
    idempotencyKey: undefined,
    retryCount: undefined,
    ...marks,
    read: async () => demand,
  };
}
