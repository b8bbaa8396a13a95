/**
 * The files of a journal: `<number of the first record>.journal`, each beginning with a header frame; and, once segments
 * were dropped, `<number of the record after it>.base` with what still holds of them.
 */
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";

import type { Hex } from "../../model/bytes.ts";
import { frame, readFrames } from "./frames.ts";

/** Whose journal it is: a journal of another deployment must never be continued. */
export interface JournalIdentity {
  readonly operatorId: number;
  readonly chainId: number;
  readonly ledger: Hex;
}

export interface SegmentHeader extends JournalIdentity {
  readonly format: "ai1net-journal";
  readonly version: 1;
  /** Number of the segment's first record, from 0. */
  readonly firstRecord: number;
  /** `[accountId, nextSeq]` of every account with rows in earlier segments. */
  readonly counters: readonly (readonly [number, number])[];
}

/** The journal's files can't be used as they are; the message says which, where, and what to do. */
export class JournalDamaged extends Error {
  override readonly name = "JournalDamaged";
}

export interface Segment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Frames after the header: each the records of one group commit, one per line. */
  readonly groups: readonly Buffer[];
  /** Records in `groups`. */
  readonly records: number;
  readonly bytes: number;
  /** Bytes after the last sound frame, none of which was ever acknowledged. Only a journal's last segment may have any. */
  readonly tornBytes: number;
}

const SUFFIX = ".journal";
const BASE_SUFFIX = ".base";
const DIGITS = 16;
const NEWLINE = 0x0a;

export function segmentPath(directory: string, firstRecord: number): string {
  return path.join(directory, `${String(firstRecord).padStart(DIGITS, "0")}${SUFFIX}`);
}

/** Where the facts of dropped segments are; `end` is the number of the first record that is not in it. */
export function basePath(directory: string, end: number): string {
  return path.join(directory, `${String(end).padStart(DIGITS, "0")}${BASE_SUFFIX}`);
}

export function isBase(file: string): boolean {
  return file.endsWith(BASE_SUFFIX);
}

/** Splits the files into those that make up the journal, oldest first, and those that a base has replaced. */
async function sortFiles(directory: string): Promise<{ valid: string[]; replaced: string[] }> {
  const names = (await readdir(directory)).toSorted();
  const bases = names.filter(isBase);
  const base = bases.at(-1);
  const end = base?.slice(0, DIGITS) ?? "";
  const segments = names.filter((name) => name.endsWith(SUFFIX));
  const inDirectory = (name: string): string => path.join(directory, name);
  return {
    valid: [...(base === undefined ? [] : [base]), ...segments.filter((name) => name >= end)].map(
      inDirectory,
    ),
    replaced: [...bases.slice(0, -1), ...segments.filter((name) => name < end)].map(inDirectory),
  };
}

/** Paths of the base, if there is one, and of all segments, oldest first. */
export async function listSegments(directory: string): Promise<string[]> {
  return (await sortFiles(directory)).valid;
}

/** Removes what a crash has left of a compaction. */
export async function removeReplaced(directory: string): Promise<void> {
  const { replaced } = await sortFiles(directory);
  for (const file of replaced) await rm(file, { force: true });
  if (replaced.length > 0) await syncDirectory(directory);
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a segment with its header, durably; a crash leaves all of it or nothing under its name. */
export function createSegment(directory: string, header: SegmentHeader): Promise<string> {
  return createFile(segmentPath(directory, header.firstRecord), header);
}

/** The same under any name, with records in it. */
export async function createFile(
  target: string,
  header: SegmentHeader,
  records: readonly string[] = [],
): Promise<string> {
  const draft = `${target}.new`;
  const handle = await open(draft, "w", 0o600);
  try {
    await handle.writeFile(frame(JSON.stringify(header)));
    if (records.length > 0) await handle.writeFile(frame(records.join("\n")));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, target);
  await syncDirectory(path.dirname(target));
  return target;
}

export function recordsIn(group: Buffer): number {
  let records = 1;
  for (let at = group.indexOf(NEWLINE); at !== -1; at = group.indexOf(NEWLINE, at + 1)) records++;
  return records;
}

/**
 * Reads and checks one segment.
 * @param isLast whether a torn end is what a crash may leave
 * @throws {JournalDamaged}
 */
export async function readSegment(
  file: string,
  identity: JournalIdentity,
  isLast: boolean,
): Promise<Segment> {
  const bytes = await readFile(file);
  const { payloads, end, soundAfter } = readFrames(bytes);
  if (end < bytes.length && (soundAfter !== undefined || !isLast || payloads.length === 0)) {
    throw new JournalDamaged(
      `${file} is damaged at byte ${end}${soundAfter === undefined ? "" : `; sound records follow at byte ${soundAfter}`}. ` +
        "This is no interrupted write: acknowledged receipts are lost. Restore the file from a copy or from the disk's " +
        "mirror; the router does not start on it.",
    );
  }
  const [head, ...groups] = payloads;
  if (!head) throw new JournalDamaged(`${file} has no header. Restore it from a copy.`);
  const header = JSON.parse(head.toString("utf8")) as SegmentHeader;
  checkHeader(file, header, identity);
  return {
    path: file,
    header,
    groups,
    records: groups.reduce((sum, group) => sum + recordsIn(group), 0),
    bytes: end,
    tornBytes: bytes.length - end,
  };
}

function checkHeader(file: string, header: SegmentHeader, identity: JournalIdentity): void {
  if (header.format !== "ai1net-journal" || header.version !== 1) {
    throw new JournalDamaged(`${file} has format "${header.format}" version ${header.version}, expected 1.`);
  }
  const same =
    header.operatorId === identity.operatorId &&
    header.chainId === identity.chainId &&
    header.ledger.toLowerCase() === identity.ledger.toLowerCase();
  if (same) return;
  const name = (of: JournalIdentity): string =>
    `operator ${of.operatorId} on chain ${of.chainId}, Ledger ${of.ledger}`;
  throw new JournalDamaged(
    `${file} is the journal of ${name(header)}; this router is ${name(identity)}. Use another data directory.`,
  );
}
