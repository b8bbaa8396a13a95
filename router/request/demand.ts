import type { Weights } from "../routing/chooseModel.ts";
import type { Preferences } from "../routing/preferences.ts";
import type { Task } from "../routing/tasks.ts";
import type { Wire } from "./wire/wire.ts";

/** What a caller says about the choice of a model. */
export interface ChoiceWanted {
  /** Undefined: to be guessed. */
  readonly task: Task | undefined;
  readonly weights: Weights;
}

/** What a caller asks for, checked as far as anything here depends on it. */
export interface Demand {
  /** The endpoint that was called. */
  readonly wire: Wire;
  /** As the caller named it. */
  readonly model: string;
  readonly stream: boolean;
  /** The request's body, in the endpoint's own words. */
  readonly body: Readonly<Record<string, unknown>>;
  /** What `requestHash` commits to: the body as it was received. */
  readonly received: Readonly<Record<string, unknown>>;
  readonly bodyBytes: number;
  /** Messages, or inputs. */
  readonly items: number;
  /** How many are read independently of each other, each within the context. */
  readonly prompts: number;
  /** False when the prompt refers to something of unknown size: an image, a file, a sound. */
  readonly isTextOnly: boolean;
  /** How many answers. */
  readonly choices: number;
  /** Most units of each answer; undefined: as many as the endpoint gives. */
  readonly outputUnits: number | undefined;
  readonly preferences: Preferences;
  /** The model is the router's to choose; undefined: it is named. */
  readonly choice: ChoiceWanted | undefined;
  /** The caller wants to know what was decided, and why. */
  readonly wantsTrace: boolean;
  /** 0: no app. */
  readonly appId: number;
}
