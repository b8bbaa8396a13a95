/** A wave file: `seconds` of a tone, one channel of 16 bits. */
export function wave(seconds: number, hertz: number): Buffer {
  const samples = Math.round(seconds * hertz);
  const file = Buffer.alloc(44 + samples * 2);
  file.write("RIFF");
  file.writeUInt32LE(36 + samples * 2, 4);
  file.write("WAVEfmt ", 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(hertz, 24);
  file.writeUInt32LE(hertz * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36);
  file.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++)
    file.writeInt16LE(Math.round(8_000 * Math.sin((2 * Math.PI * 440 * i) / hertz)), 44 + i * 2);
  return file;
}
