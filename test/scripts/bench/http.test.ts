import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chunk, chunkedEnd, readHead } from "../../../scripts/bench/router/http.ts";

describe("the bench's HTTP", () => {
  it("finds the length of a body, whatever the case of its header", () => {
    const bytes = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    const head = readHead(bytes);
    assert.deepEqual(head, { start: "HTTP/1.1 200 OK", bodyBytes: 5, end: bytes.length - 5 });
  });

  it("waits for the whole head", () => {
    assert.equal(readHead(Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n")), undefined);
  });

  it("takes a message without a length for one without a body", () => {
    assert.equal(readHead(Buffer.from("GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n"))?.bodyBytes, 0);
  });

  it("finds the end of a chunked body only when its last chunk is there, however it is cut", () => {
    const head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    const bytes = Buffer.from(`${head}${chunk("data: ünï\n\n")}${chunk("data: [DONE]\n\n")}0\r\n\r\n`);
    const from = readHead(bytes)?.end ?? 0;
    assert.equal(readHead(bytes)?.bodyBytes, undefined);
    assert.equal(chunkedEnd(bytes, from), bytes.length);
    for (let length = from; length < bytes.length; length++)
      assert.equal(chunkedEnd(bytes.subarray(0, length), from), undefined, `cut at ${length}`);
  });
});
