import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";

/** Which core a process gets: what is measured has one for itself, everything else shares another. */
export type Place = "measured" | "around";

const CORE: Readonly<Record<Place, string>> = { measured: "0", around: "1" };

/** Whether processes can be bound to cores here. */
export const canPin =
  process.platform === "linux" &&
  availableParallelism() >= 2 &&
  spawnSync("taskset", ["--version"]).status === 0;

/** Binds a running process, all its threads, and those that they start. */
export function pin(pid: number, place: Place): void {
  if (!canPin) return;
  const { status, stderr } = spawnSync("taskset", [
    "--all-tasks",
    "--cpu-list",
    "--pid",
    CORE[place],
    String(pid),
  ]);
  if (status !== 0) throw new Error(`a process can't be bound to a core: ${String(stderr)}`);
}
