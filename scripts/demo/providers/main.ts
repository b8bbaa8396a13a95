/**
 * One of the demo's providers as a process:
 *
 *     node scripts/demo/providers/main.ts NAME PORT
 *
 * `PROVIDER_KEY` is the API key that it asks for; none if it is not set. Prints its base URL once it serves; ends by
 * SIGTERM, SIGINT, or when the process that started it is gone.
 */
import { DEMO_PROVIDERS } from "./catalog.ts";
import { startProvider } from "./server.ts";

const [name, port] = process.argv.slice(2);
const chosen = DEMO_PROVIDERS.find((provider) => provider.name === name);
if (!chosen || port === undefined || !/^\d{1,5}$/u.test(port)) {
  const names = DEMO_PROVIDERS.map((provider) => provider.name).join(", ");
  console.error(`usage: node scripts/demo/providers/main.ts NAME PORT\nNAME is one of ${names}`);
  process.exit(64);
}

const { model, pace } = chosen;
const provider = await startProvider({
  ability: chosen.ability(),
  model,
  pace,
  port: Number(port),
  apiKey: process.env["PROVIDER_KEY"] || undefined,
});
process.send?.({ baseUrl: provider.baseUrl });
console.log(`${chosen.name} serves ${model} at ${provider.baseUrl}`);

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await provider.close();
  process.exit(0);
}
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
process.on("disconnect", () => void stop());
