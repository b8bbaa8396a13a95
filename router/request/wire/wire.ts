import type { Hex } from "../../model/bytes.ts";
import type { Unit } from "../../model/offer.ts";
import type { SignedReceipt } from "../../model/receipt.ts";
import type { StreamShape } from "../../ports.ts";
import type { Metered } from "../meter.ts";
import type { Wei } from "../../model/money.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** What every answer of one request repeats. */
export interface Head {
  /** `gen-...` */
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** As the caller named it. */
  readonly model: string;
}

/** What an answer came to, for its caller. */
export interface Bill {
  readonly metered: Metered;
  /** At most that, on top. */
  readonly appFeeWei: Wei;
  /** Further fields of the provider's usage, to be passed on. */
  readonly details: Fields;
  readonly receipt: SignedReceipt;
  /** What was decided and why, for a caller who asked. */
  readonly trace: object | undefined;
}

/** One answer, as it comes in from one provider. */
export interface Collected {
  /** True until something was generated. */
  readonly isEmpty: boolean;
  /** What the receipt's `responseHash` commits to. */
  hash(): Hex;
  /** Everything generated as text, to be counted in tokens. */
  texts(): string[];
  /** How much was generated, in a unit that is not the token. */
  units(): number;
}

/** An answer in JSON. */
export interface CollectedJson extends Collected {
  /** Takes an event of a stream. */
  take(event: Fields): void;
  /** Takes a whole answer. @throws {UpstreamError} for what is none */
  takeWhole(body: Fields): void;
}

/** An answer in bytes. */
export interface CollectedBytes extends Collected {
  /** Takes the next of them. @throws {UpstreamError} for what is none */
  take(chunk: Uint8Array): void;
}

interface AnyWire {
  /** Below `/v1` here, and below the base URL of a provider. */
  readonly path: string;
  /** What a model must bill in to be asked so. */
  readonly units: readonly [Unit, ...Unit[]];
  /** Tokens are generated, and share the endpoint's context with the prompt. */
  readonly generatesTokens: boolean;
  /** Many a server does not have it: a 404 says nothing about the next one. */
  readonly isOptional: boolean;
  /** The field that tells a provider the most it may generate; undefined: there is none. */
  readonly limitField: string | undefined;
  /** What a provider is told in any case. */
  readonly fixedFields: Fields;
  /** Fields between the caller and the router: no provider gets them. */
  readonly ownFields: readonly string[];
}

/** JSON, whole or in events. */
export interface JsonWire extends AnyWire {
  readonly answers: "json";
  /** What a provider must be told to stream with its usage. */
  readonly streamFields: Fields;
  readonly collect: () => CollectedJson;
  readonly shape: Omit<StreamShape, "answers">;
  /** An event as the caller gets it; undefined: nothing that it needs. */
  event(event: Fields, head: Head): object | undefined;
  /** The end of a stream: the events that waited for the journal, with what it cost and the receipt for it. */
  ending(waiting: readonly Fields[], head: Head, bill: Bill): readonly object[];
  /** The end of a stream that broke; `error` as in every error. */
  broken(head: Head, error: ErrorFields): object;
  /** A whole answer as the caller gets it. */
  whole(body: Fields, head: Head, bill: Bill): object;
  /** Events carry their `type` as their name, too. */
  readonly namesEvents: boolean;
  /** What follows the last event of a whole stream. */
  readonly endMark: string | undefined;
}

/** Bytes that go by as they come. Cost and receipt are in what follows them. */
export interface BytesWire extends AnyWire {
  readonly answers: "bytes";
  readonly collect: (body: Fields, unit: Unit) => CollectedBytes;
}

/** How one endpoint of the API speaks, to callers and to providers. The pipeline is the same for all of them. */
export type Wire = JsonWire | BytesWire;

export interface ErrorFields {
  readonly code: number;
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
}
