import type { IncomingMessage } from "node:http";
import type { Demand } from "../request/demand.ts";
import { images } from "../request/wire/images.ts";
import { speech } from "../request/wire/speech.ts";
import type { JsonBody } from "./readBody.ts";
import { commonOf } from "./readCommon.ts";
import { ImageFields, parse, SpeechFields } from "./schemas.ts";

/** A request for images. @throws {Refusal} 400 */
export function imagesDemand(req: IncomingMessage, received: JsonBody): Demand {
  const fields = parse(ImageFields, received.body);
  return {
    ...commonOf(req, received, fields),
    wire: images,
    stream: false,
    items: 1,
    prompts: 1,
    isTextOnly: true,
    choices: fields.n ?? 1,
    outputUnits: 1,
  };
}

/** Nobody reads slower than a second a character, nor is silent longer around it. */
const SILENT_SEC = 5;

/** A request for speech. @throws {Refusal} 400 */
export function speechDemand(req: IncomingMessage, received: JsonBody): Demand {
  const fields = parse(SpeechFields, received.body);
  return {
    ...commonOf(req, received, fields),
    wire: speech,
    stream: false,
    items: 1,
    prompts: 1,
    isTextOnly: true,
    choices: 1,
    outputUnits: Math.ceil((fields.input.length + SILENT_SEC) / Math.min(1, fields.speed ?? 1)),
  };
}
