import type { Sort } from "./preferences.ts";

const SUFFIXES: ReadonlyMap<string, Sort> = new Map([
  ["nitro", "throughput"],
  ["floor", "price"],
]);

/** A model's name without what it asks for: `x:nitro` is x by throughput, `x:floor` x by price. */
export function splitName(asked: string): { readonly name: string; readonly sort: Sort | undefined } {
  const colon = asked.lastIndexOf(":");
  const sort = colon < 0 ? undefined : SUFFIXES.get(asked.slice(colon + 1));
  return { name: sort === undefined ? asked : asked.slice(0, colon), sort };
}
