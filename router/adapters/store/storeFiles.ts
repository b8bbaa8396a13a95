/** Whether PGlite's files can be believed: nobody syncs them while they are in use. */
import { open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { syncDirectory } from "../journal/segments.ts";

/** Names this run of the machine: what a process wrote survives the process, but not a power cut. */
async function bootId(): Promise<string> {
  try {
    return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  } catch {
    // Elsewhere, to a minute: a mistake costs a rebuild.
    return `booted ${Math.round((Date.now() / 1000 - os.uptime()) / 60)}`;
  }
}

const marker = (directory: string): string => `${directory}.in-use`;

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** False if the machine stopped while the files were open: they may hold anything. */
export async function filesAreSound(directory: string): Promise<boolean> {
  if (!(await exists(marker(directory)))) return true;
  return (await readFile(marker(directory), "utf8")) === (await bootId());
}

/** To be called before the files are opened. */
export async function markInUse(directory: string): Promise<void> {
  await writeFile(marker(directory), await bootId(), { mode: 0o600, flush: true });
  await syncDirectory(path.dirname(directory));
}

/** To be called once they are closed: puts them on the disk, so that the next start can believe them. */
export async function markClosed(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await open(path.join(entry.parentPath, entry.name), "r");
    await file.sync();
    await file.close();
  }
  await rm(marker(directory), { force: true });
  await syncDirectory(path.dirname(directory));
}

/** Puts the files out of the way, for somebody to look at. @returns where they are; undefined if there were none */
export async function moveAside(directory: string): Promise<string | undefined> {
  if (!(await exists(directory))) return undefined;
  const target = `${directory}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
  await rename(directory, target);
  return target;
}
