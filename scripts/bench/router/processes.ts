/** The processes of a bench: each bound to its core, each ended when the bench ends, however it does. */
import { once } from "node:events";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startChild, type Child } from "../../demo/child.ts";
import type { Job, Measured } from "./load.ts";
import { pin, type Place } from "./pinning.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const STOP_MS = 60_000;
const START_MS = 20_000;

export interface Load {
  /** Does one job; one at a time. */
  readonly run: (job: Job) => Promise<Measured>;
  /** Requests answered by whatever listens on a port, in all jobs so far. */
  readonly answeredBy: (port: number) => number;
}

export class Processes {
  readonly #logDir: string;
  readonly #children: Child[] = [];

  constructor(logDir: string) {
    this.#logDir = logDir;
    process.once("exit", () => {
      for (const child of this.#children) if (child.isRunning()) child.process.kill("SIGKILL");
    });
  }

  /** Knows of a process from its first moment on. */
  readonly track = (child: Child): void => {
    this.#children.push(child);
  };

  /** Starts Node with `args`. */
  async node(
    name: string,
    place: Place,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Child> {
    const child = await startChild({
      name,
      command: process.execPath,
      args,
      env,
      logFile: path.join(this.#logDir, `${name}.log`),
      ipc: true,
      track: this.track,
    });
    pin(child.pid, place);
    return child;
  }

  /** Starts one of the bench's own servers and resolves with its port. */
  async server(
    file: "upstream.ts" | "barePipe.ts",
    place: Place,
    ...args: readonly string[]
  ): Promise<number> {
    const child = await this.node(path.basename(file, ".ts"), place, [path.join(HERE, file), ...args]);
    const signal = AbortSignal.timeout(START_MS);
    const [message] = (await once(child.process, "message", { signal })) as [{ port: number }];
    return message.port;
  }

  /** Starts the load generator. */
  async load(): Promise<Load> {
    const child = await this.node("load", "around", [path.join(HERE, "load.ts")]);
    const answered = new Map<number, number>();
    return {
      async run(job) {
        const answer = once(child.process, "message");
        child.process.send(job);
        const [{ measured, error }] = (await answer) as [{ measured?: Measured; error?: string }];
        if (!measured) throw new Error(`a load could not be run to its end: ${error}`);
        answered.set(job.port, (answered.get(job.port) ?? 0) + measured.requests);
        return measured;
      },
      answeredBy: (port) => answered.get(port) ?? 0,
    };
  }

  /** Ends everything, the last started first. */
  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) await child.stop(STOP_MS);
  }
}
