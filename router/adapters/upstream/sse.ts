import { StringDecoder } from "node:string_decoder";

/** A server-sent event. */
export interface ServerEvent {
  /** `message` unless the server named it. */
  readonly name: string;
  readonly data: string;
}

/** A line or an event is longer than anything honest. */
export class EventTooLong extends Error {
  override readonly name = "EventTooLong";
}

/**
 * Reads server-sent events out of bytes, however they are cut: any line end, several `data` lines, comments, a byte
 * order mark, characters split between chunks. An event that no blank line has ended is not an event.
 */
export class SseParser {
  readonly #most: number;
  readonly #decoder = new StringDecoder("utf8");
  /** The line so far. */
  #rest = "";
  #data: string[] = [];
  #dataLength = 0;
  #name = "";
  #isFirst = true;
  /** A CR ended the last chunk: an LF that follows belongs to it. */
  #isAfterCr = false;

  constructor(mostCharacters: number) {
    this.#most = mostCharacters;
  }

  /** The events that `chunk` completes. @throws {EventTooLong} */
  push(chunk: Uint8Array): ServerEvent[] {
    let text = this.#decoder.write(chunk);
    if (text === "") return [];
    if (this.#isFirst) {
      this.#isFirst = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    if (this.#isAfterCr && text.startsWith("\n")) text = text.slice(1);
    this.#isAfterCr = text.endsWith("\r");
    const events: ServerEvent[] = [];
    const ends = /\r\n|\n|\r/g;
    let at = 0;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      const line = this.#rest + text.slice(at, end.index);
      this.#rest = "";
      at = ends.lastIndex;
      const event = this.#line(line);
      if (event) events.push(event);
    }
    this.#rest += text.slice(at);
    if (this.#rest.length > this.#most) throw new EventTooLong(`a line exceeds ${this.#most} characters`);
    return events;
  }

  #line(line: string): ServerEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const start = line[colon + 1] === " " ? colon + 2 : colon + 1;
    const value = colon < 0 ? "" : line.slice(start);
    if (field === "data") {
      this.#data.push(value);
      this.#dataLength += value.length;
      if (this.#dataLength > this.#most) throw new EventTooLong(`an event exceeds ${this.#most} characters`);
    } else if (field === "event") this.#name = value;
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const data = this.#data;
    const name = this.#name || "message";
    this.#name = "";
    if (data.length === 0) return undefined;
    this.#data = [];
    this.#dataLength = 0;
    return { name, data: data.length === 1 ? (data[0] ?? "") : data.join("\n") };
  }
}
