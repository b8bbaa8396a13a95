import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** Nothing from anywhere else, and nothing inline. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>AI1NET router API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
  </head>
  <body>
    <main id="api"></main>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null });
`;

const FILES: Readonly<Record<string, { readonly type: string; readonly url: () => string }>> = {
  "swagger-ui.css": {
    type: "text/css; charset=utf-8",
    url: () => import.meta.resolve("swagger-ui-dist/swagger-ui.css"),
  },
  "swagger-ui-bundle.js": {
    type: "text/javascript; charset=utf-8",
    url: () => import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js"),
  },
};

const loaded = new Map<string, Promise<Buffer>>();

/** A file of the page; undefined for any other name. */
export async function pageFile(
  name: string,
): Promise<{ readonly type: string; readonly body: Buffer } | undefined> {
  if (name === "start.js") return { type: "text/javascript; charset=utf-8", body: Buffer.from(START) };
  const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (!file) return undefined;
  let body = loaded.get(name);
  if (!body) loaded.set(name, (body = readFile(fileURLToPath(file.url()))));
  return { type: file.type, body: await body };
}
