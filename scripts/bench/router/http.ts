/** Just enough of HTTP/1.1 for the bench's own two ends, so that neither is what limits a proxy. */

const HEAD_END = Buffer.from("\r\n\r\n");
const LINE_END = Buffer.from("\r\n");

export interface Head {
  /** The first line. */
  readonly start: string;
  /** Of the body; undefined when it comes in chunks. */
  readonly bodyBytes: number | undefined;
  /** Where the body begins. */
  readonly end: number;
}

/** Reads the head of a message; undefined while it is not whole. */
export function readHead(bytes: Buffer): Head | undefined {
  const at = bytes.indexOf(HEAD_END);
  if (at < 0) return undefined;
  const head = bytes.toString("latin1", 0, at + 2);
  const start = head.slice(0, head.indexOf("\r\n"));
  const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head);
  const isChunked = /\r\ntransfer-encoding: *chunked\r\n/i.test(head);
  return {
    start,
    bodyBytes: isChunked ? undefined : Number(length?.[1] ?? 0),
    end: at + HEAD_END.length,
  };
}

/** Where a chunked body that begins at `from` ends; undefined while it is not whole. */
export function chunkedEnd(bytes: Buffer, from: number): number | undefined {
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf(LINE_END, at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const next = lineEnd + LINE_END.length + size + LINE_END.length;
    if (next > bytes.length) return undefined;
    if (size === 0) return next;
    at = next;
  }
}

/** One chunk of a chunked body. */
export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}
