/** How long a sound lasts, measured as its bytes go by: what models billed by the second are paid for. */

/** One frame or page, as its header tells. */
interface Frame {
  readonly bytes: number;
  /** How far the sound has come when this frame is over, or how much longer it makes it. */
  readonly untilSec?: number;
  readonly forSec?: number;
}

interface Framing {
  readonly headerBytes: number;
  /** Undefined: no header begins here. */
  frame(header: Buffer): Frame | undefined;
}

const MP3_KBPS_1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MP3_KBPS_2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const MP3_HERTZ = [44_100, 48_000, 32_000];
const AAC_HERTZ = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/** MPEG audio, layer III. */
const mp3: Framing = {
  headerBytes: 4,
  frame(header) {
    const word = header.readUInt32BE(0);
    const version = (word >>> 19) & 3;
    if (word >>> 21 !== 0x7ff || version === 1 || ((word >>> 17) & 3) !== 1) return undefined;
    const isFirst = version === 3;
    const kbps = (isFirst ? MP3_KBPS_1 : MP3_KBPS_2)[(word >>> 12) & 15];
    const hertzOf1 = MP3_HERTZ[(word >>> 10) & 3];
    if (!kbps || !hertzOf1) return undefined;
    const hertz = isFirst ? hertzOf1 : version === 2 ? hertzOf1 / 2 : hertzOf1 / 4;
    const samples = isFirst ? 1_152 : 576;
    const bytes = Math.floor((samples / 8) * ((kbps * 1_000) / hertz)) + ((word >>> 9) & 1);
    return { bytes, forSec: samples / hertz };
  },
};

/** AAC in ADTS frames. */
const aac: Framing = {
  headerBytes: 7,
  frame(header) {
    if ((header.readUInt16BE(0) & 0xfff6) !== 0xfff0) return undefined;
    const hertz = AAC_HERTZ[(header.readUInt8(2) >>> 2) & 15];
    const bytes = (header.readUInt32BE(2) >>> 5) & 0x1fff;
    if (!hertz || bytes < 7) return undefined;
    return { bytes, forSec: (1_024 * ((header.readUInt8(6) & 3) + 1)) / hertz };
  },
};

const OPUS_HERTZ = 48_000;

/** Opus in Ogg pages; a page says how far the sound has come. */
const ogg: Framing = {
  // The header itself, and the longest table of its segments.
  headerBytes: 27,
  frame(header) {
    if (header.toString("latin1", 0, 4) !== "OggS") return undefined;
    const segments = header.readUInt8(26);
    if (header.length < 27 + segments) return { bytes: -(27 + segments) };
    const body = header.subarray(27, 27 + segments).reduce((sum, length) => sum + length, 0);
    const position = header.readBigInt64LE(6);
    return {
      bytes: 27 + segments + body,
      ...(position >= 0n && { untilSec: Number(position) / OPUS_HERTZ }),
    };
  },
};

/** What a lone stream of samples is, without any header: 24,000 a second of 16 bits. */
const PCM_BYTES_PER_SEC = 48_000;
/** More than this before the samples, and it is no sound. */
const MOST_HEADER_BYTES = 64 * 1024;

/** Formats that can be measured as they go by. */
export const MEASURED_FORMATS = ["mp3", "opus", "aac", "wav", "pcm"] as const;
export type AudioFormat = (typeof MEASURED_FORMATS)[number];

type Pushed = "measured" | "unknown";

export class AudioClock {
  readonly #asked: AudioFormat;
  #rest: Buffer = Buffer.alloc(0);
  #framing: Framing | undefined;
  #bytesPerSec = 0;
  #skip = 0;
  #seconds = 0;
  #isKnown = false;

  /** @param asked what a sound without any header is taken for */
  constructor(asked: AudioFormat) {
    this.#asked = asked;
  }

  /** Seconds so far. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Takes the next bytes; "unknown" for what can't be measured. */
  push(chunk: Uint8Array): Pushed {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : Buffer.from(chunk);
    this.#rest = Buffer.alloc(0);
    if (this.#isKnown) {
      this.#measure(bytes);
      return "measured";
    }
    const start = this.#recognize(bytes);
    if (start === "more") {
      this.#rest = bytes;
      return bytes.length > MOST_HEADER_BYTES ? "unknown" : "measured";
    }
    if (start === "unknown") return "unknown";
    this.#isKnown = true;
    this.#measure(bytes.subarray(start));
    return "measured";
  }

  /** Where the sound begins, if it is one. */
  #recognize(bytes: Buffer): number | "more" | "unknown" {
    if (this.#asked === "pcm" && bytes.toString("latin1", 0, 4) !== "RIFF") {
      this.#bytesPerSec = PCM_BYTES_PER_SEC;
      return 0;
    }
    if (bytes.length < 12) return "more";
    const magic = bytes.toString("latin1", 0, 4);
    if (magic === "RIFF") return this.#wave(bytes);
    if (magic === "OggS") this.#framing = ogg;
    else if (magic.startsWith("ID3")) {
      this.#framing = mp3;
      // The tag's length, seven bits a byte.
      this.#skip = 10 + [6, 7, 8, 9].reduce((size, at) => size * 128 + (bytes.readUInt8(at) & 0x7f), 0);
    } else if (aac.frame(bytes)) this.#framing = aac;
    else if (mp3.frame(bytes)) this.#framing = mp3;
    return this.#framing ? 0 : "unknown";
  }

  #wave(bytes: Buffer): number | "more" | "unknown" {
    for (let at = 12; at + 8 <= bytes.length;) {
      const name = bytes.toString("latin1", at, at + 4);
      if (name === "data") return this.#bytesPerSec > 0 ? at + 8 : "unknown";
      if (name === "fmt ") {
        if (bytes.length < at + 20) return "more";
        this.#bytesPerSec = bytes.readUInt32LE(at + 16);
      }
      at += 8 + bytes.readUInt32LE(at + 4);
    }
    return "more";
  }

  #measure(chunk: Buffer): void {
    const framing = this.#framing;
    if (!framing) {
      this.#seconds += chunk.length / this.#bytesPerSec;
      return;
    }
    let at = 0;
    for (;;) {
      const step = Math.min(this.#skip, chunk.length - at);
      this.#skip -= step;
      at += step;
      if (this.#skip > 0) return;
      const header = chunk.subarray(at);
      if (header.length < framing.headerBytes) break;
      const frame = framing.frame(header);
      // A header that is longer than what has come so far.
      if (frame && frame.bytes < 0) break;
      // Whatever is between frames is no sound.
      if (!frame) at++;
      else {
        this.#skip = frame.bytes;
        this.#seconds = frame.untilSec ?? this.#seconds + (frame.forSec ?? 0);
      }
    }
    this.#rest = Buffer.from(chunk.subarray(at));
  }
}
