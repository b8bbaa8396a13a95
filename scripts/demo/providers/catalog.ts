/** The demo's providers: who they are, what they serve, what they ask for it and how fast they are. */
import type { Ability } from "./ability.ts";
import type { Pace } from "./answers.ts";
import type { Unit } from "../../../router/model/offer.ts";
import { embedder } from "./embedder.ts";
import { painter } from "./painter.ts";
import { solver } from "./solver.ts";
import { speaker } from "./speaker.ts";
import { storyteller } from "./storyteller.ts";
import { summarizer } from "./summarizer.ts";

export interface DemoProvider {
  readonly name: string;
  readonly model: string;
  /** What the model bills in. */
  readonly unit: Unit;
  readonly ability: () => Ability;
  readonly pace: Pace;
  /** $AI1NET per million units; per request for `request`. */
  readonly price: { readonly input: string; readonly output: string; readonly request: string };
}

/** Two offers each for summaries and stories, one fast and one cheap, so that routing has a choice. */
export const DEMO_PROVIDERS: readonly DemoProvider[] = [
  {
    name: "abridge",
    model: "ai1net/summarizer",
    unit: "token",
    ability: () => summarizer,
    pace: { firstTokenMs: 40, tokensPerSec: 160 },
    price: { input: "0.4", output: "1.6", request: "0" },
  },
  {
    name: "thrifty-digest",
    model: "ai1net/summarizer",
    unit: "token",
    ability: () => summarizer,
    pace: { firstTokenMs: 250, tokensPerSec: 40 },
    price: { input: "0.12", output: "0.48", request: "0" },
  },
  {
    name: "abacus",
    model: "ai1net/solver",
    unit: "token",
    ability: () => solver,
    pace: { firstTokenMs: 20, tokensPerSec: 120 },
    price: { input: "0.1", output: "0.4", request: "0.00001" },
  },
  {
    name: "rabbit-hole",
    model: "ai1net/storyteller",
    unit: "token",
    ability: storyteller,
    pace: { firstTokenMs: 60, tokensPerSec: 110 },
    price: { input: "0.2", output: "0.8", request: "0" },
  },
  {
    name: "slow-tales",
    model: "ai1net/storyteller",
    unit: "token",
    ability: storyteller,
    pace: { firstTokenMs: 350, tokensPerSec: 30 },
    price: { input: "0.06", output: "0.24", request: "0" },
  },
  {
    name: "compass",
    model: "ai1net/embedder",
    unit: "token",
    ability: () => embedder,
    pace: { firstTokenMs: 10, tokensPerSec: 1_000 },
    price: { input: "0.02", output: "0", request: "0" },
  },
  {
    name: "easel",
    model: "ai1net/painter",
    unit: "image",
    ability: () => painter,
    pace: { firstTokenMs: 30, tokensPerSec: 1_000 },
    price: { input: "0", output: "2000", request: "0" },
  },
  {
    name: "hum",
    model: "ai1net/speaker",
    unit: "second",
    ability: () => speaker,
    pace: { firstTokenMs: 20, tokensPerSec: 1_000 },
    price: { input: "0", output: "100", request: "0" },
  },
];
