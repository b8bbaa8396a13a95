/**
 * keccak256 in WebAssembly. JavaScript has no 64-bit integers that are fast, and this runs five times per receipt: here
 * a permutation takes a sixth of the time. The module is put together below, from the algorithm's own tables.
 */

/** Bytes taken in per permutation, for a digest of 256 bits. */
const RATE = 136;
const LANES = 25;
const ROUNDS = 24;
/** Where things are in the module's memory. */
const BLOCK_AT = LANES * 8;
const CONSTANTS_AT = BLOCK_AT + RATE;

/** The constants of iota, from the generator polynomial x^8 + x^6 + x^5 + x^4 + 1. */
function roundConstants(): bigint[] {
  let register = 1;
  return Array.from({ length: ROUNDS }, () => {
    let constant = 0n;
    for (let bit = 0; bit < 7; bit++) {
      if (register & 1) constant |= 1n << BigInt((1 << bit) - 1);
      register = register & 0x80 ? ((register << 1) & 0xff) ^ 0x71 : register << 1;
    }
    return constant;
  });
}

/** Of each lane: where pi takes it to, and by how much rho turns it. */
function rhoPi(): { readonly from: number; readonly to: number; readonly turn: number }[] {
  const steps = [{ from: 0, to: 0, turn: 0 }];
  for (let i = 0, x = 1, y = 0; i < LANES - 1; i++) {
    const [nextX, nextY] = [y, (2 * x + 3 * y) % 5];
    steps.push({ from: x + 5 * y, to: nextX + 5 * nextY, turn: (((i + 1) * (i + 2)) / 2) % 64 });
    [x, y] = [nextX, nextY];
  }
  return steps;
}

// -------------------------------------------------------------- the module

type Code = readonly (number | readonly number[])[];
const code = (...parts: Code): number[] => parts.flat();

/** An unsigned number of the format. */
const leb = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >> 7)];
/** A signed one, between 64 and 8191. */
const sleb = (value: number): number[] => [(value & 0x7f) | 0x80, value >> 7];
const section = (id: number, ...parts: Code): number[] => {
  const bytes = code(...parts);
  return code(id, leb(bytes.length), bytes);
};
const name = (text: string): number[] => code(text.length, [...Buffer.from(text)]);

const I32 = 0x7f;
const I64 = 0x7e;
const XOR = 0x85;
const AND = 0x83;
const NOT = [0x42, 0x7f, XOR];
const END = 0x0b;
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
/** A constant below 64 takes one byte. */
const rotateLeft = (turn: number): number[] => [0x42, turn, 0x89];
/** The lane at an address, plus what is on the stack. */
const load = (at: number): number[] => [0x29, 3, ...leb(at)];
const store = (at: number): number[] => [0x37, 3, ...leb(at)];
const zero = [0x41, 0];

// Locals: the state, the state after pi, the columns' parities, one for the moment; then where the next constant is.
const A = 0;
const B = A + LANES;
const C = B + LANES;
const D = C + 5;
const NEXT_CONSTANT = D + 1;
const columns = [0, 1, 2, 3, 4];
const lanes = Array.from({ length: LANES }, (_, lane) => lane);
/** The lane `by` columns further in the same row. */
const beside = (lane: number, by: number): number => lane - (lane % 5) + ((lane + by) % 5);

function round(): number[] {
  return code(
    columns.flatMap((x) =>
      code(get(A + x), ...[5, 10, 15, 20].map((y) => code(get(A + x + y), XOR)), set(C + x)),
    ),
    columns.flatMap((x) =>
      code(
        code(get(C + beside(x, 4)), get(C + beside(x, 1)), rotateLeft(1), XOR, set(D)),
        ...[0, 5, 10, 15, 20].map((y) => code(get(A + x + y), get(D), XOR, set(A + x + y))),
      ),
    ),
    rhoPi().flatMap(({ from, to, turn }) => code(get(A + from), rotateLeft(turn), set(B + to))),
    lanes.flatMap((lane) =>
      code(get(B + beside(lane, 1)), NOT, get(B + beside(lane, 2)), AND, get(B + lane), XOR, set(A + lane)),
    ),
    code(get(A), get(NEXT_CONSTANT), load(0), XOR, set(A)),
  );
}

/** Takes in the block in memory: xors it to the state in memory, and permutes that. */
function absorbBody(): number[] {
  const locals = code(2, NEXT_CONSTANT, I64, 1, I32);
  const fromBlock = (lane: number): number[] =>
    lane * 8 < RATE ? code(zero, load(BLOCK_AT + lane * 8), XOR) : [];
  return code(
    locals,
    lanes.flatMap((lane) => code(zero, load(lane * 8), fromBlock(lane), set(A + lane))),
    code(0x41, sleb(CONSTANTS_AT), set(NEXT_CONSTANT)),
    code(0x03, 0x40, round()),
    // Goes on to the next constant, and back to the loop's beginning while there is one.
    code(get(NEXT_CONSTANT), 0x41, 8, 0x6a, 0x22, NEXT_CONSTANT),
    code(0x41, sleb(CONSTANTS_AT + ROUNDS * 8), 0x49, 0x0d, 0, END),
    lanes.flatMap((lane) => code(zero, get(A + lane), store(lane * 8))),
    END,
  );
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const body = absorbBody();
  return new Uint8Array(
    code(
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, 1, 0x60, 0, 0),
      section(3, 1, 0),
      section(5, 1, 0, 1),
      section(7, 2, name("memory"), 2, 0, name("absorb"), 0, 0),
      section(10, 1, leb(body.length), body),
    ),
  );
}

/** What of it is used here; the compiler knows it from browsers only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

const { memory, absorb } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes())).exports as {
  memory: { readonly buffer: ArrayBuffer };
  absorb: () => void;
};
const state = new Uint8Array(memory.buffer, 0, LANES * 8);
const block = new Uint8Array(memory.buffer, BLOCK_AT, RATE);
new BigUint64Array(memory.buffer, CONSTANTS_AT, ROUNDS).set(roundConstants());

/** keccak256 of `data`. */
export function keccak256(data: Uint8Array): Uint8Array {
  state.fill(0);
  let at = 0;
  for (; at + RATE <= data.length; at += RATE) {
    block.set(data.subarray(at, at + RATE));
    absorb();
  }
  block.fill(0);
  block.set(data.subarray(at));
  block[data.length - at] = 0x01;
  block[RATE - 1] = (block[RATE - 1] as number) | 0x80;
  absorb();
  return state.slice(0, 32);
}
