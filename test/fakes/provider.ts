import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** A provider on loopback that misbehaves as a test wants. */
export interface Provider {
  readonly baseUrl: string;
  /** Requests that came, in order. */
  readonly seen: {
    readonly method: string;
    readonly url: string;
    readonly auth: string;
    readonly body: string;
  }[];
  /** How many connections were made. */
  connections: number;
  /** How many requests were cut by the other side before their answer ended. */
  cut: number;
}

/** Answers a request, whose JSON comes along. */
export type Behaviour = (
  res: ServerResponse,
  req: IncomingMessage,
  body: Readonly<Record<string, unknown>>,
) => void | Promise<void>;

export async function runProvider(test: Pick<TestContext, "after">, behave: Behaviour): Promise<Provider> {
  const seen: Provider["seen"] = [];
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const chunks = await Array.fromAsync(req as AsyncIterable<Buffer>);
    const body = Buffer.concat(chunks).toString();
    seen.push({
      method: req.method ?? "",
      url: req.url ?? "",
      auth: req.headers.authorization ?? "",
      body,
    });
    res.once("close", () => {
      if (!res.writableFinished) provider.cut++;
    });
    await behave(res, req, body === "" ? {} : (JSON.parse(body) as Record<string, unknown>));
  };
  const server = createServer((req, res) => void answer(req, res));
  const provider: Provider = { baseUrl: "", seen, connections: 0, cut: 0 };
  server.on("connection", () => provider.connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(provider, { baseUrl: `http://127.0.0.1:${port}/v1` });
}

export function json(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  res.writeHead(status, { "content-type": "application/json", ...headers });
  res.end(JSON.stringify(body));
}

export function openStream(res: ServerResponse): void {
  res.writeHead(200, { "content-type": "text/event-stream" });
  res.flushHeaders();
}

export const event = (body: unknown): string => `data: ${JSON.stringify(body)}\n\n`;
