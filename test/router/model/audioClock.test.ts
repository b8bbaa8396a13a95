import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AudioClock, type AudioFormat } from "../../../router/model/audioClock.ts";
import { wave } from "../../fakes/sound.ts";

/** Seconds of `bytes`, however they are cut. */
function secondsOf(bytes: Buffer, asked: AudioFormat): number[] {
  return [1, 7, 64, bytes.length].map((size) => {
    const clock = new AudioClock(asked);
    for (let at = 0; at < bytes.length; at += size)
      assert.equal(clock.push(bytes.subarray(at, at + size)), "measured");
    return clock.seconds;
  });
}

function assertLasts(bytes: Buffer, asked: AudioFormat, seconds: number): void {
  for (const measured of secondsOf(bytes, asked))
    assert.ok(Math.abs(measured - seconds) < 1e-6, `${measured} instead of ${seconds}`);
}

/** `count` frames that begin with `header` and have `length` bytes. */
const frames = (header: readonly number[], length: number, count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, () =>
      Buffer.concat([Buffer.from(header), Buffer.alloc(length - header.length, 0x55)]),
    ),
  );

/** An Ogg page of one packet. */
function page(position: bigint, body: Buffer): Buffer {
  const segments = [
    ...Array.from<number>({ length: Math.floor(body.length / 255) }).fill(255),
    body.length % 255,
  ];
  const header = Buffer.alloc(27);
  header.write("OggS");
  header.writeBigInt64LE(position, 6);
  header.writeUInt8(segments.length, 26);
  return Buffer.concat([header, Buffer.from(segments), body]);
}

describe("how long a sound lasts", () => {
  it("is what its samples take, without a header: 24,000 of 16 bits a second", () => {
    assertLasts(Buffer.alloc(72_000), "pcm", 1.5);
  });

  it("is what a wave's header says of its bytes", () => {
    assertLasts(wave(2.25, 8_000), "wav", 2.25);
    assertLasts(wave(0.5, 44_100), "mp3", 0.5);
  });

  it("is the sum of MPEG frames: 417 bytes at 128 kbit/s and 44.1 kHz", () => {
    assertLasts(frames([0xff, 0xfb, 0x90, 0x00], 417, 100), "mp3", (100 * 1_152) / 44_100);
  });

  it("is the sum of MPEG-2 frames, after a tag and whatever is between", () => {
    const tag = Buffer.from([
      0x49,
      0x44,
      0x33,
      4,
      0,
      0,
      0,
      0,
      1,
      2,
      ...Array.from<number>({ length: 130 }).fill(0xff),
    ]);
    const sound = frames([0xff, 0xf3, 0x64, 0xc4], 144, 10);
    assertLasts(Buffer.concat([tag, sound, Buffer.from([0, 0, 0]), sound]), "mp3", (20 * 576) / 24_000);
  });

  it("is the sum of ADTS frames", () => {
    // AAC-LC, 44.1 kHz, stereo, 200 bytes.
    assertLasts(frames([0xff, 0xf1, 0x50, 0x80, 0x19, 0x1f, 0xfc], 200, 30), "aac", (30 * 1_024) / 44_100);
  });

  it("is what the last Ogg page says", () => {
    const pages = [
      page(0n, Buffer.from("OpusHead")),
      page(-1n, Buffer.alloc(600)),
      page(96_000n, Buffer.alloc(900)),
    ];
    assertLasts(Buffer.concat(pages), "opus", 2);
  });

  it("is not known of what is no sound", () => {
    for (const text of ["<html>this is no sound at all</html>", "fLaC and what comes after it"])
      assert.equal(new AudioClock("mp3").push(Buffer.from(text)), "unknown");
    const endless = new AudioClock("wav");
    const junk = Buffer.concat([
      wave(0.1, 8_000).subarray(0, 12),
      Buffer.from("junk\xff\xff\xff\x7f", "latin1"),
    ]);
    assert.equal(endless.push(junk), "measured");
    assert.equal(endless.push(Buffer.alloc(70_000)), "unknown");
  });
});
