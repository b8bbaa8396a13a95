/**
 * The load of the bench, over raw sockets: each connection sends its next request when the last one was answered. Does the
 * jobs that it is sent, one after the other. A process of its own; started by the bench only.
 */
import { connect, type Socket } from "node:net";
import { chunkedEnd, readHead } from "./http.ts";

export interface Job {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connections: number;
  /** Ends after so long, or after so many requests. */
  readonly durationMs?: number;
  readonly requests?: number;
  /** What an answer must contain. */
  readonly expected: string;
}

export interface Measured {
  readonly requests: number;
  readonly seconds: number;
  /** Until the whole answer was there, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Until the first byte of the answer's body, ms. */
  readonly firstByteP50Ms: number;
}

/** Of so many requests times are kept; beyond, the first ones are overwritten. */
const MOST_TIMES = 1 << 20;

class Times {
  readonly #ms = new Float64Array(MOST_TIMES);
  #count = 0;

  add(ms: number): void {
    this.#ms[this.#count++ % MOST_TIMES] = ms;
  }

  quantile(share: number): number {
    const kept = this.#ms.slice(0, Math.min(this.#count, MOST_TIMES)).toSorted();
    return kept[Math.floor(kept.length * share)] ?? Number.NaN;
  }
}

function requestBytes({ port, headers, body }: Job): Buffer {
  const all = {
    host: `127.0.0.1:${port}`,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST /v1/chat/completions HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

async function run(job: Job): Promise<Measured> {
  const request = requestBytes(job);
  const expected = Buffer.from(job.expected);
  const whole = new Times();
  const firstByte = new Times();
  const mostRequests = job.requests ?? Number.POSITIVE_INFINITY;
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + (job.durationMs ?? Number.POSITIVE_INFINITY);
  let sent = 0;
  let answered = 0;

  const work = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let bytes: Buffer = Buffer.alloc(0);
      let sentAtMs = 0;
      let firstAtMs = 0;
      const next = (): void => {
        if (sent >= mostRequests || performance.now() >= endsAtMs) {
          socket.destroy();
          resolve();
          return;
        }
        sent++;
        firstAtMs = 0;
        sentAtMs = performance.now();
        socket.write(request);
      };
      socket.setNoDelay(true);
      socket.once("connect", next);
      socket.on("error", reject);
      socket.once("close", () => reject(new Error("the proxy closed a connection")));
      socket.on("data", (data: Buffer) => {
        bytes = bytes.length === 0 ? data : Buffer.concat([bytes, data]);
        const head = readHead(bytes);
        if (!head) return;
        if (firstAtMs === 0 && bytes.length > head.end) firstAtMs = performance.now();
        const end = head.bodyBytes === undefined ? chunkedEnd(bytes, head.end) : head.end + head.bodyBytes;
        if (end === undefined || bytes.length < end) return;
        const endedAtMs = performance.now();
        if (!head.start.includes(" 200 ") || !bytes.includes(expected)) {
          reject(new Error(`not the answer that was expected: ${bytes.toString("utf8", 0, 600)}`));
          socket.destroy();
          return;
        }
        bytes = bytes.subarray(end);
        answered++;
        whole.add(endedAtMs - sentAtMs);
        firstByte.add(firstAtMs - sentAtMs);
        next();
      });
    });
  await Promise.all(
    Array.from({ length: job.connections }, () => work(connect({ host: "127.0.0.1", port: job.port }))),
  );
  return {
    requests: answered,
    seconds: (performance.now() - startedAtMs) / 1_000,
    p50Ms: whole.quantile(0.5),
    p99Ms: whole.quantile(0.99),
    firstByteP50Ms: firstByte.quantile(0.5),
  };
}

process.on("message", (job: Job) => {
  run(job).then(
    (measured) => process.send?.({ measured }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
