import { notFound } from "../../request/refusal.ts";
import { sendJson } from "../errors.ts";
import { documentOf } from "../openapi/document.ts";
import { PAGE, PAGE_POLICY, pageFile } from "../openapi/page.ts";
import type { Exchange, Route } from "../route.ts";

function send({ res }: Exchange, type: string, body: string | Buffer): void {
  res.setHeader("content-type", type);
  res.setHeader("content-security-policy", PAGE_POLICY);
  res.setHeader("x-content-type-options", "nosniff");
  res.setHeader("content-length", Buffer.byteLength(body));
  res.end(body);
}

/** The API's own description, and a page to read it. @param others all other routes */
export function docsRoutes(others: readonly Route[]): Route[] {
  let document: object | undefined;
  const routes: Route[] = [
    {
      method: "get",
      path: "/openapi.json",
      handle({ res }) {
        document ??= documentOf([...others, ...routes]);
        sendJson(res, 200, document);
      },
    },
    {
      method: "get",
      path: "/docs",
      handle(exchange) {
        send(exchange, "text/html; charset=utf-8", PAGE);
      },
    },
    {
      method: "get",
      path: "/docs/:file",
      async handle(exchange) {
        const file = await pageFile(String(exchange.req.params["file"]));
        if (!file) throw notFound("there is no such page");
        exchange.res.setHeader("cache-control", "public, max-age=3600");
        send(exchange, file.type, file.body);
      },
    },
  ];
  return routes;
}
