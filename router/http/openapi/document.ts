import { z } from "zod";
import type { Route } from "../route.ts";
import { OPERATIONS, type Operation } from "./operations.ts";

const JSON_TYPE = "application/json";
const CONTENT: Record<NonNullable<Operation["answers"]>, object> = {
  json: { [JSON_TYPE]: { schema: { type: "object" } } },
  "json or events": {
    [JSON_TYPE]: { schema: { type: "object" } },
    "text/event-stream": { schema: { type: "string", description: "Events, when `stream` is true" } },
  },
  bytes: { "application/octet-stream": { schema: {} } },
  text: { "text/plain": { schema: { type: "string" } } },
  html: { "text/html": { schema: { type: "string" } } },
};

const ERROR = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "type", "metadata"],
      properties: {
        code: { type: "integer", description: "The HTTP status" },
        message: { type: "string" },
        type: { type: "string" },
        param: { type: ["string", "null"], description: "The field at fault" },
        metadata: {
          type: "object",
          required: ["error_type"],
          properties: { error_type: { type: "string" } },
        },
      },
    },
  },
};

const failure = { $ref: "#/components/responses/Failure" };

/** Express's path in OpenAPI's terms. */
export const pathOf = (path: string): string => path.replaceAll(/[:*](\w+)/g, "{$1}");

/** A body's schema as JSON Schema: what a caller writes, before any of it is converted. */
export function bodySchema(body: z.ZodType): object {
  const { $schema: _, ...schema } = z.toJSONSchema(body, { io: "input", unrepresentable: "any" });
  return schema;
}

/** How an answer is described: by its schema where there is one. */
function contentOf({ answer, answers = "json" }: Operation): object {
  if (!answer) return CONTENT[answers];
  const { $schema: _, ...schema } = z.toJSONSchema(answer, { io: "output" });
  return { ...CONTENT[answers], [JSON_TYPE]: { schema } };
}

function operationOf({ method, path }: Route): object {
  const name = `${method.toUpperCase()} ${path}`;
  const operation: Operation = OPERATIONS[name] ?? { summary: name, tag: "other", auth: "none" };
  const { summary, tag, auth, body, query = [] } = operation;
  const inPath = [...path.matchAll(/[:*](\w+)/g)].map(([, parameter]) => ({
    name: parameter,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = query.map(({ name: parameter, description, required = false }) => ({
    name: parameter,
    in: "query",
    required,
    description,
    schema: { type: "string" },
  }));
  const parameters = [...inPath, ...inQuery];
  return {
    operationId: name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_"),
    summary,
    tags: [tag],
    security: auth === "none" ? [] : [{ [auth]: [] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { [JSON_TYPE]: { schema: bodySchema(body) } } } }),
    responses: { "200": { description: "Done", content: contentOf(operation) }, default: failure },
  };
}

const bearer = (description: string): object => ({ type: "http", scheme: "bearer", description });

/** OpenAPI 3.1 of the routes; bodies are described by the schemas that check them. */
export function documentOf(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[pathOf(route.path)] ??= {})[route.method] = operationOf(route);
  return {
    openapi: "3.1.0",
    info: {
      title: "AI1NET router",
      version: "1",
      description: "OpenAI-compatible inference, paid for by the request, with a signed receipt for each.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      securitySchemes: {
        key: bearer("An API key, sk-ai1-..."),
        admin: bearer("The operator's admin token"),
        wallet: bearer("The token of a wallet that signed in"),
      },
      schemas: { Error: ERROR },
      responses: {
        Failure: {
          description: "What went wrong, with the real status",
          content: { [JSON_TYPE]: { schema: { $ref: "#/components/schemas/Error" } } },
        },
      },
    },
  };
}
