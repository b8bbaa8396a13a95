import type { SpeechAbility } from "./ability.ts";

export const HERTZ = 24_000;
const BYTES_PER_SAMPLE = 2;
const CHARACTER_SEC = 0.06;
const LOUDNESS = 9_000;
/** A pentatonic scale: whatever is said sounds well. */
const SCALE = [0, 2, 4, 7, 9];
const LOWEST_HERTZ = 220;

/** Hums a text: a tone for each letter or digit, a rest for anything else. */
export const speaker: SpeechAbility = {
  kind: "speech",
  *speak(text, speed) {
    const samples = Math.round((HERTZ * CHARACTER_SEC) / speed);
    for (const character of text) {
      const sound = Buffer.alloc(samples * BYTES_PER_SAMPLE);
      if (/[\p{L}\p{N}]/u.test(character)) {
        const code = character.toLowerCase().codePointAt(0) ?? 0;
        const note = (SCALE[code % SCALE.length] as number) + 12 * (Math.floor(code / SCALE.length) % 2);
        const hertz = LOWEST_HERTZ * 2 ** (note / 12);
        for (let i = 0; i < samples; i++) {
          // Each tone swells and fades, so that none begins with a crack.
          const envelope = Math.sin((Math.PI * i) / samples);
          const value = LOUDNESS * envelope * Math.sin((2 * Math.PI * hertz * i) / HERTZ);
          sound.writeInt16LE(Math.round(value), i * BYTES_PER_SAMPLE);
        }
      }
      yield sound;
    }
  },
  bytesOf: (text, speed) =>
    Array.from(text).length * Math.round((HERTZ * CHARACTER_SEC) / speed) * BYTES_PER_SAMPLE,
};

/** What a WAV file of so many bytes of sound begins with: PCM, one channel, 16 bits. */
export function wavHeader(soundBytes: number): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0, "latin1");
  header.writeUInt32LE(36 + soundBytes, 4);
  header.write("WAVEfmt ", 8, "latin1");
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(HERTZ, 24);
  header.writeUInt32LE(HERTZ * BYTES_PER_SAMPLE, 28);
  header.writeUInt16LE(BYTES_PER_SAMPLE, 32);
  header.writeUInt16LE(8 * BYTES_PER_SAMPLE, 34);
  header.write("data", 36, "latin1");
  header.writeUInt32LE(soundBytes, 40);
  return header;
}
