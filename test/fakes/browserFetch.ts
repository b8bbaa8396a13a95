/** `fetch` as a page of another site has it (Fetch Standard, section 3.2): preflight, and only what is exposed. */
import { request, type IncomingHttpHeaders } from "node:http";

const SAFE_REQUEST = new Set(["accept", "accept-language", "content-language"]);
const SAFE_RESPONSE = [
  "cache-control",
  "content-language",
  "content-length",
  "content-type",
  "expires",
  "last-modified",
  "pragma",
];

/** What a browser throws, with the reason that it only shows in its console. */
class Blocked extends TypeError {
  override readonly name = "Blocked";
}

const list = (text: string | null | undefined): string[] =>
  (text ?? "")
    .split(",")
    .map((item) => item.trim().toLowerCase())
    .filter((item) => item !== "");

function allows(headers: Headers, origin: string): boolean {
  return ["*", origin].includes(headers.get("access-control-allow-origin") ?? "");
}

/** An `OPTIONS` request with headers that `fetch` may not set. */
export function preflight(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly headers: Headers }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "OPTIONS", headers }, (res) => {
      res.resume();
      res.once("end", () => resolve({ status: res.statusCode ?? 0, headers: headersOf(res.headers) }));
    });
    sent.once("error", reject);
    sent.end();
  });
}

const headersOf = (from: IncomingHttpHeaders): Headers =>
  new Headers(Object.entries(from).map(([name, value]): [string, string] => [name, String(value)]));

/** @param origin of the page, as `https://app.example.com` */
export function browserFetch(origin: string): typeof fetch {
  return async (input, init) => {
    const asked = new Request(input, init);
    const unsafe = [...asked.headers.keys()].filter((name) => !SAFE_REQUEST.has(name)).toSorted();
    const needsPreflight = unsafe.length > 0 || !["GET", "HEAD", "POST"].includes(asked.method);
    if (needsPreflight) {
      const { status, headers } = await preflight(asked.url, {
        origin,
        "access-control-request-method": asked.method,
        "access-control-request-headers": unsafe.join(","),
      });
      if (status < 200 || status > 299) throw new Blocked(`the preflight was answered with ${status}`);
      if (!allows(headers, origin)) throw new Blocked(`${origin} is not allowed`);
      const methods = list(headers.get("access-control-allow-methods"));
      if (!["GET", "HEAD", "POST"].includes(asked.method) && !methods.includes(asked.method.toLowerCase()))
        throw new Blocked(`${asked.method} is not allowed`);
      const names = list(headers.get("access-control-allow-headers"));
      const missing = unsafe.filter((name) => !names.includes(name));
      if (missing.length > 0) throw new Blocked(`not allowed: ${missing.join(", ")}`);
    }
    asked.headers.set("origin", origin);
    const response = await fetch(asked);
    if (!allows(response.headers, origin)) throw new Blocked(`${origin} may not read the answer`);
    const exposed = new Set([
      ...SAFE_RESPONSE,
      ...list(response.headers.get("access-control-expose-headers")),
    ]);
    const { status, statusText } = response;
    const headers = [...response.headers].filter(([name]) => exposed.has(name));
    return new Response(response.body, { status, statusText, headers });
  };
}
