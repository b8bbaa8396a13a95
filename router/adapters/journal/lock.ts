import { DatabaseSync } from "node:sqlite";

/** Another process has the directory open. */
export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
}

/**
 * Takes a lock file for this process alone. SQLite's own file locks do it: they are the operating system's, so they end
 * with the process, however it ends, and hold across containers that share the volume, which process ids do not.
 * @returns the release
 * @throws {DirectoryInUse}
 */
export function lockFile(path: string): () => void {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    throw new DirectoryInUse(`another process has ${path} locked: is a router already running on it?`, {
      cause,
    });
  }
  return () => database.close();
}
