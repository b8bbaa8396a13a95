export { keccak256 } from "./keccak.ts";

/** `0x`-prefixed lower-case hex of whole bytes. */
export type Hex = `0x${string}`;

export function toHex(data: Uint8Array): Hex {
  return `0x${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex")}`;
}

/** @throws {TypeError} unless `hex` is `0x` and an even number of hex digits */
export function fromHex(hex: string): Uint8Array {
  if (!/^0x(?:[0-9a-fA-F]{2})*$/.test(hex)) throw new TypeError(`not hex bytes: ${hex.slice(0, 20)}`);
  return new Uint8Array(Buffer.from(hex.slice(2), "hex"));
}

/** Big-endian bytes of an unsigned integer. @throws {RangeError} when it does not fit into `size` bytes */
export function uintBytes(value: bigint | number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = BigInt(value);
  if (rest < 0n) throw new RangeError(`${value} is negative`);
  for (let i = size - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest !== 0n) throw new RangeError(`${value} does not fit into ${size} bytes`);
  return bytes;
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
