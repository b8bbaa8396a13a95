import { createHash } from "node:crypto";
import { AudioClock, MEASURED_FORMATS } from "../../model/audioClock.ts";
import { toHex } from "../../model/bytes.ts";
import { UpstreamError } from "../../ports.ts";
import type { BytesWire, CollectedBytes, Fields } from "./wire.ts";

/** `responseHash` of a sound: SHA-256 of its bytes, of as many as were received. */
class CollectedSound implements CollectedBytes {
  /** Undefined: the model bills in something else. */
  readonly #clock: AudioClock | undefined;
  readonly #hash = createHash("sha256");
  isEmpty = true;

  constructor(clock: AudioClock | undefined) {
    this.#clock = clock;
  }

  take(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.isEmpty = false;
    this.#hash.update(chunk);
    if (this.#clock?.push(chunk) === "unknown")
      throw new UpstreamError("protocol", "a sound in a format that can't be measured");
  }

  hash() {
    return toHex(this.#hash.copy().digest());
  }

  texts(): string[] {
    return [];
  }

  units(): number {
    return Math.ceil(this.#clock?.seconds ?? 0);
  }
}

function formatOf({ response_format: asked }: Fields): (typeof MEASURED_FORMATS)[number] {
  return MEASURED_FORMATS.find((format) => format === asked) ?? "mp3";
}

/** `POST /v1/audio/speech`: a text read aloud. Billed by the second of sound, begun ones whole, or by the text's tokens. */
export const speech: BytesWire = {
  answers: "bytes",
  path: "/audio/speech",
  units: ["second", "token"],
  generatesTokens: false,
  isOptional: true,
  limitField: undefined,
  fixedFields: {},
  ownFields: [],
  collect: (body, unit) => new CollectedSound(unit === "second" ? new AudioClock(formatOf(body)) : undefined),
};
