/**
 * The framing of a journal file: `magic u32 | length u32 | crc32 u32 | payload`, big-endian. One frame is one group
 * commit, so a commit that was cut short by a crash is one bad frame at the end, whatever part of it reached the disk.
 */
import { crc32 } from "node:zlib";

const MAGIC = 0x41314a46; // "A1JF"
const MAGIC_BYTES = Buffer.from("A1JF");
export const FRAME_HEAD_BYTES = 12;

export function frame(payload: string): Buffer {
  const length = Buffer.byteLength(payload);
  const buffer = Buffer.allocUnsafe(FRAME_HEAD_BYTES + length);
  buffer.writeUInt32BE(MAGIC, 0);
  buffer.writeUInt32BE(length, 4);
  buffer.write(payload, FRAME_HEAD_BYTES, "utf8");
  buffer.writeUInt32BE(checksum(buffer, 0, length), 8);
  return buffer;
}

/** Covers the length too. */
function checksum(bytes: Buffer, at: number, length: number): number {
  return crc32(
    bytes.subarray(at + FRAME_HEAD_BYTES, at + FRAME_HEAD_BYTES + length),
    crc32(bytes.subarray(at, at + 8)),
  );
}

/** The payload of the frame at `at`; undefined when there is no whole and sound one. */
function frameAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + FRAME_HEAD_BYTES > bytes.length || bytes.readUInt32BE(at) !== MAGIC) return undefined;
  const length = bytes.readUInt32BE(at + 4);
  const end = at + FRAME_HEAD_BYTES + length;
  if (end > bytes.length || checksum(bytes, at, length) !== bytes.readUInt32BE(at + 8)) return undefined;
  return bytes.subarray(at + FRAME_HEAD_BYTES, end);
}

export interface Frames {
  readonly payloads: readonly Buffer[];
  /** Where the sound frames end: the file's length, or the offset of the first bad one. */
  readonly end: number;
  /** Offset of a sound frame after the first bad one: what is between was damaged, not cut off. */
  readonly soundAfter: number | undefined;
}

/** Reads all frames from the start of a file. */
export function readFrames(bytes: Buffer): Frames {
  const payloads: Buffer[] = [];
  let end = 0;
  while (end < bytes.length) {
    const payload = frameAt(bytes, end);
    if (!payload) break;
    payloads.push(payload);
    end += FRAME_HEAD_BYTES + payload.length;
  }
  let soundAfter: number | undefined;
  for (let at = bytes.indexOf(MAGIC_BYTES, end + 1); at !== -1; at = bytes.indexOf(MAGIC_BYTES, at + 1)) {
    if (frameAt(bytes, at)) {
      soundAfter = at;
      break;
    }
  }
  return { payloads, end, soundAfter };
}
