import path from "node:path";
import { fileURLToPath } from "node:url";
import { startChild, type Child, type ChildOptions } from "./child.ts";
import type { DemoProvider } from "./providers/catalog.ts";

const PROVIDER_MAIN = fileURLToPath(new URL("providers/main.ts", import.meta.url));
const START_MS = 20_000;

export interface DemoProviderProcess {
  readonly child: Child;
  readonly baseUrl: string;
}

/** Starts one of the demo's providers on any free port and waits until it serves. */
export async function startDemoProvider(
  { name }: DemoProvider,
  dataDir: string,
  apiKey: string,
  track: ChildOptions["track"],
): Promise<DemoProviderProcess> {
  const child = await startChild({
    name: `provider ${name}`,
    command: process.execPath,
    args: [PROVIDER_MAIN, name, "0"],
    logFile: path.join(dataDir, "logs", `provider-${name}.log`),
    env: { PROVIDER_KEY: apiKey },
    ipc: true,
    track,
  });
  const reported = new Promise<string>((resolve) => {
    child.process.once("message", (message) => resolve((message as { baseUrl: string }).baseUrl));
  });
  const failed = async (what: Promise<string>): Promise<never> => {
    throw new Error(`provider ${name}: ${await what}; its last lines:\n${child.lastLines(10).join("\n")}`);
  };
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve(`silent for ${START_MS / 1_000} s`), START_MS).unref();
  });
  const baseUrl = await Promise.race([reported, failed(child.exited), failed(late)]);
  return { child, baseUrl };
}
