/** Answers of the demo's painter and speaker, in OpenAI's shapes. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { ImageAbility, SpeechAbility } from "./ability.ts";
import type { Pace } from "./answers.ts";
import type { ImageBody, SpeechBody } from "./requests.ts";
import { wavHeader } from "./speaker.ts";

/** Whole PNG files, in base64. */
export async function paint(
  ability: ImageAbility,
  { prompt, size, n }: ImageBody,
  pace: Pace,
  signal: AbortSignal,
): Promise<object> {
  await sleep(pace.firstTokenMs, undefined, { signal });
  const data = Array.from({ length: n }, (_, i) => ({
    b64_json: ability.paint(prompt, size.width, size.height, i).toString("base64"),
  }));
  return { created: Math.floor(Date.now() / 1_000), data, output_format: "png" };
}

/** The sound, as it is made. */
export async function speak(
  ability: SpeechAbility,
  { input, speed, response_format: format }: SpeechBody,
  pace: Pace,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  await sleep(pace.firstTokenMs, undefined, { signal });
  response.writeHead(200, { "content-type": format === "wav" ? "audio/wav" : "audio/pcm" });
  if (format === "wav") response.write(wavHeader(ability.bytesOf(input, speed)));
  for (const sound of ability.speak(input, speed))
    if (!response.write(sound)) await once(response, "drain", { signal });
  response.end();
}
