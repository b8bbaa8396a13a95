import { createHash } from "node:crypto";
import type { ImageAbility } from "./ability.ts";
import { pngOf } from "./png.ts";

type Colour = readonly [red: number, green: number, blue: number];

/** Words that a picture takes its light from: the top of the sky, its foot, the hills. */
const LIGHTS: readonly (readonly [RegExp, Colour, Colour, Colour])[] = [
  [/\b(?:night|moon|stars?|midnight)\b/i, [10, 14, 40], [52, 48, 96], [18, 26, 44]],
  [/\b(?:sunset|evening|dusk|dawn|autumn)\b/i, [92, 54, 120], [250, 150, 90], [84, 52, 66]],
  [/\b(?:sea|ocean|water|lake|river)\b/i, [96, 178, 230], [214, 240, 250], [20, 96, 140]],
  [/\b(?:snow|winter|ice)\b/i, [150, 176, 206], [234, 240, 248], [206, 220, 234]],
  [/\b(?:desert|sand|dune)\b/i, [110, 176, 222], [250, 224, 176], [206, 156, 92]],
];
const DAY: readonly [Colour, Colour, Colour] = [
  [88, 160, 230],
  [208, 232, 250],
  [60, 130, 72],
];
const HILLS = 4;

const mix = (a: Colour, b: Colour, share: number): Colour =>
  [0, 1, 2].map((i) => (a[i] as number) * (1 - share) + (b[i] as number) * share) as unknown as Colour;

/** Paints hills under a sky: their light is in the prompt's words, their shapes in its hash. */
export const painter: ImageAbility = {
  kind: "image",
  paint(prompt, width, height, index) {
    const seed = createHash("sha256").update(`${index} ${prompt}`).digest();
    const part = (i: number): number => (seed[i % seed.length] as number) / 255;
    const found = LIGHTS.find(([sign]) => sign.test(prompt));
    const [top, foot, ground] = found ? [found[1], found[2], found[3]] : DAY;
    const sun = { x: 0.15 + 0.7 * part(0), y: 0.12 + 0.25 * part(1), radius: 0.05 + 0.05 * part(2) };
    /** How high a hill stands at `x`, both from 0 to 1. */
    const ridge = (hill: number, x: number): number => {
      const base = 0.55 + (0.4 * hill) / HILLS;
      const wave = (i: number): number =>
        Math.sin((x * (2 + 5 * part(4 * hill + i)) + part(4 * hill + i + 7)) * 2 * Math.PI);
      return base + 0.05 * wave(3) + 0.03 * wave(5);
    };
    const pixels = new Uint8Array(3 * width * height);
    for (let x = 0; x < width; x++) {
      const u = x / width;
      const ridges = Array.from({ length: HILLS }, (_, hill) => ridge(hill, u));
      for (let y = 0; y < height; y++) {
        const v = y / height;
        const hill = ridges.findLastIndex((height_) => v > height_);
        const fromSun = Math.hypot((u - sun.x) * (width / height), v - sun.y);
        const glow = Math.max(0, 1 - Math.max(0, fromSun - sun.radius) / 0.25) ** 3;
        const sky = mix(
          mix(top, foot, Math.min(1, v / 0.6)),
          [255, 250, 224],
          fromSun < sun.radius ? 1 : 0.5 * glow,
        );
        const colour = hill < 0 ? sky : mix(ground, foot, 0.6 * (1 - (hill + 1) / HILLS));
        pixels.set(colour.map(Math.round), 3 * (y * width + x));
      }
    }
    return pngOf(width, height, pixels);
  },
};
