import { isObject } from "../model/chat.ts";
import { invalidRequest } from "../request/refusal.ts";

const TEXT_PARTS = new Set(["input_text", "output_text", "refusal", "summary_text", "reasoning_text"]);
const TEXT_ITEMS = new Set([
  "message",
  "reasoning",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
]);
/** Tools that the caller runs. */
const OWN_TOOLS = new Set(["function", "custom"]);

const isText = (content: unknown): boolean =>
  !Array.isArray(content) || content.every((part) => isObject(part) && TEXT_PARTS.has(String(part["type"])));

/** Checks the items of a response's input; true if all of them are text. @throws {Refusal} 400 */
export function checkInput(input: readonly unknown[]): boolean {
  let isTextOnly = true;
  input.forEach((item, i) => {
    const field = `input[${i}]`;
    if (!isObject(item)) throw invalidRequest(`${field}: must be an object`, field);
    const { type = "message", content, output } = item;
    if (type === "item_reference")
      throw invalidRequest(`${field}: nothing is kept here: send the item itself`, field);
    isTextOnly &&= TEXT_ITEMS.has(String(type)) && isText(content) && isText(output);
  });
  return isTextOnly;
}

/** Tools that a provider runs by itself cost what no price list here covers. @throws {Refusal} 400 */
export function checkTools(tools: readonly unknown[]): void {
  tools.forEach((tool, i) => {
    const field = `tools[${i}].type`;
    if (!isObject(tool) || !OWN_TOOLS.has(String(tool["type"])))
      throw invalidRequest(`${field}: must be "function" or "custom"; other tools have no price here`, field);
  });
}
