import type { ApiKey } from "../model/record.ts";
import { Refusal } from "./refusal.ts";

/** Whether a key may use a model: by its name, or by `author/*`. */
export function allowsModel({ allowedModels }: ApiKey, model: string): boolean {
  if (!allowedModels) return true;
  const author = model.slice(0, model.indexOf("/") + 1);
  return allowedModels.includes(model) || (author !== "" && allowedModels.includes(`${author}*`));
}

/** @throws {Refusal} 403 */
export function authorizeModel(key: ApiKey, model: string): void {
  if (allowsModel(key, model)) return;
  throw new Refusal(403, "permission_denied", `this API key may not use ${model}`, {
    param: "model",
    metadata: { reason: "model_not_allowed", allowed_models: key.allowedModels ?? [] },
  });
}
