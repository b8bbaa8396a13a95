import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import OpenAI, { APIError } from "openai";
import { runApp } from "./app.ts";
import { fakeWorld, SECRET } from "./world.ts";

/** The whole app with a stock OpenAI client in front, which repeats as it does by default, and scripted providers behind. */
export async function startClient(test: TestContext, options: Parameters<typeof fakeWorld>[0] = {}) {
  const app = await runApp(test, fakeWorld(options));
  const apiKey = `sk-ai1-${"a".repeat(16)}-${SECRET}`;
  const client = new OpenAI({ baseURL: `${app.origin}/v1`, apiKey, maxRetries: 2 });
  return { ...app, client, upstream: app.world.upstream };
}

/** What a client throws. */
export async function failure(promise: PromiseLike<unknown>): Promise<APIError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof APIError, String(error));
    return error;
  }
  return assert.fail("it succeeded");
}

/** What the router adds to an answer or to the last event of a stream. */
export interface Costs {
  readonly usage: { readonly cost_wei: string; readonly [field: string]: unknown };
  readonly receipt: {
    readonly id: string;
    readonly fields: {
      readonly inputUnits: number;
      readonly outputUnits: number;
      readonly responseHash: string;
    };
  };
}

export const costsOf = (answer: unknown): Costs => answer as Costs;
