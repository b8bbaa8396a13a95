/** The API's description of itself. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { createApp } from "../../../router/http/app.ts";
import { OPERATIONS } from "../../../router/http/openapi/operations.ts";
import { runApp } from "../../fakes/app.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
}
interface Schema {
  readonly type?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema & { maxItems?: number; maximum?: number }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

async function load(t: Parameters<typeof runApp>[0]) {
  const app = await runApp(t);
  const response = await fetch(`${app.origin}/openapi.json`);
  assert.equal(response.status, 200);
  return { ...app, document: (await response.json()) as Document };
}

/** Every route that Express knows, as "GET /v1/...", in OpenAPI's terms. */
function routesOf(app: ReturnType<typeof createApp>): string[] {
  const { stack } = app.router as unknown as {
    stack: { route?: { path: string; methods: Record<string, boolean> } }[];
  };
  return stack.flatMap(({ route }) =>
    // What answers to every method only says which ones there are.
    route && Object.keys(route.methods).length === 1
      ? Object.keys(route.methods).map((method) => `${method.toUpperCase()} ${route.path}`)
      : [],
  );
}

describe("/openapi.json", () => {
  it("is a valid OpenAPI 3.1 document", async (t) => {
    const { document } = await load(t);
    assert.equal(document.openapi, "3.1.0");
    const { valid, errors } = await new Validator().validate({ ...document });
    assert.ok(valid, JSON.stringify(errors, null, 2));
  });

  it("has every route of the app, and describes each", async (t) => {
    const { document, deps } = await load(t);
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = routesOf(createApp(deps));
    assert.ok(routes.length > 30);
    const inItsTerms = routes.map((route) => route.replaceAll(/[:*](\w+)/g, "{$1}"));
    assert.deepEqual(documented.toSorted(), inItsTerms.toSorted());
    assert.deepEqual(Object.keys(OPERATIONS).toSorted(), routes.toSorted(), "operations.ts has them all");
    const ids = Object.values(document.paths).flatMap((each) =>
      Object.values(each).map((one) => one.operationId),
    );
    assert.equal(new Set(ids).size, ids.length);
  });

  it("describes bodies by the schemas that check them", async (t) => {
    const { document } = await load(t);
    const schemaOf = (path: string): Schema => {
      const schema = document.paths[path]?.["post"]?.requestBody?.content["application/json"].schema;
      assert.ok(schema, path);
      return schema;
    };
    const chat = schemaOf("/v1/chat/completions");
    assert.deepEqual(chat.required?.toSorted(), ["messages", "model"]);
    assert.equal(chat.properties?.["messages"]?.type, "array");
    const compare = schemaOf("/v1/compare");
    assert.equal(compare.properties?.["models"]?.maxItems, 8);
    for (const [path, operations] of Object.entries(document.paths))
      if (operations["post"]) assert.equal(schemaOf(path).type, "object", path);
  });
});

describe("/docs", () => {
  it("is a page that needs nothing from anywhere else", async (t) => {
    const { origin } = await runApp(t);
    const response = await fetch(`${origin}/docs`);
    assert.equal(response.status, 200);
    const policy = response.headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.ok(!policy.includes("unsafe"));
    const html = await response.text();
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? "");
    assert.equal(links.length, 3);
    assert.ok(!/<script>|<style>|style=|https?:/.test(html), "nothing inline, nothing from elsewhere");
    for (const link of links) {
      const file = await fetch(new URL(link, origin));
      assert.equal(file.status, 200, link);
      assert.match(file.headers.get("content-type") ?? "", link.endsWith(".css") ? /css/ : /javascript/);
      assert.ok((await file.arrayBuffer()).byteLength > 50);
    }
    for (const name of ["package.json", "..%2fpackage.json", "__proto__"])
      assert.equal((await fetch(`${origin}/docs/${name}`)).status, 404, name);
  });
});
