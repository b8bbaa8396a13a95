import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

/** A process that the demo started; what it prints goes to its log file. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly process: ChildProcess;
  /** Says how it ended: "exit code 1", "SIGKILL". Never rejects. */
  readonly exited: Promise<string>;
  isRunning(): boolean;
  /** Asks it to end, and ends it when it has not after `timeoutMs`. Returns false if it had to be ended. */
  stop(timeoutMs: number): Promise<boolean>;
  lastLines(count: number): string[];
}

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A channel, on which it can report, and whose end tells it that we are gone. */
  readonly ipc?: boolean;
  /** Is told of the process as soon as there is one, so that it is ended whatever happens next. */
  readonly track: (child: Child) => void;
}

/** Starts a process in a group of its own, so that a Ctrl-C in the terminal reaches only us, who know the order. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = openSync(options.logFile, "a", 0o600);
  const child = spawn(options.command, options.args, {
    stdio: ["ignore", log, log, ...(options.ipc ? (["ipc"] as const) : [])],
    env: { ...process.env, ...options.env },
    detached: true,
  });
  closeSync(log);
  let ended: string | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve((ended = signal ?? `exit code ${code}`)));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => reject(new Error(`${options.name} can't be started`, { cause })));
  });
  child.on("error", () => undefined);
  const started: Child = {
    name: options.name,
    pid: child.pid ?? 0,
    logFile: options.logFile,
    process: child,
    exited,
    isRunning: () => ended === undefined,
    async stop(timeoutMs) {
      if (ended !== undefined) return true;
      child.kill("SIGTERM");
      let isForced = false;
      const timer = setTimeout(() => {
        isForced = true;
        child.kill("SIGKILL");
      }, timeoutMs);
      await exited;
      clearTimeout(timer);
      return !isForced;
    },
    lastLines(count) {
      const lines = readFileSync(options.logFile, "utf8").trimEnd().split("\n");
      return lines.slice(-count);
    },
  };
  options.track(started);
  return started;
}
