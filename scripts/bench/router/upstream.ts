/** The provider of the bench: answers at once, with next to no work. A process of its own; started by the bench only. */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { chunk, readHead } from "./http.ts";
import { streamedAnswer, wholeAnswer } from "./sample.ts";

/** Between the parts of a streamed answer. */
const GAP_MS = 2;

const answer = (type: string, body: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
const WHOLE = answer("application/json", wholeAnswer());
const MODELS = answer("application/json", '{"object":"list","data":[]}');
const LENGTH_REQUIRED = Buffer.from("HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\n\r\n");
const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const PARTS = streamedAnswer().map(chunk);
const IS_STREAM = Buffer.from('"stream":true');

function stream(socket: Socket): void {
  const [first = "", ...others] = PARTS;
  socket.write(STREAM_HEAD + first);
  let sent = 0;
  const timer = setInterval(() => {
    const part = others[sent++];
    if (part === undefined || socket.destroyed) {
      clearInterval(timer);
      if (!socket.destroyed) socket.write("0\r\n\r\n");
    } else socket.write(part);
  }, GAP_MS);
}

function serve(socket: Socket): void {
  let bytes: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (data: Buffer) => {
    bytes = bytes.length === 0 ? data : Buffer.concat([bytes, data]);
    for (let head = readHead(bytes); head; head = readHead(bytes)) {
      if (head.bodyBytes === undefined) {
        socket.end(LENGTH_REQUIRED);
        return;
      }
      const end = head.end + head.bodyBytes;
      if (bytes.length < end) return;
      const body = bytes.subarray(head.end, end);
      bytes = bytes.subarray(end);
      if (body.includes(IS_STREAM)) stream(socket);
      else socket.write(head.start.startsWith("GET ") ? MODELS : WHOLE);
    }
  });
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("disconnect", () => process.exit(0));
