import { createHmac, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Wallet, type Provider } from "ethers";

/**
 * The development keys of a data directory all follow from one random secret in it. So no two machines share a key, none
 * of them is a well-known one that others could empty, and none can turn up on a real network by habit.
 */
export interface DevKeys {
  /** A private key. The same role, the same key. */
  key(role: string): `0x${string}`;
  wallet(role: string, provider: Provider): Wallet;
  /** A secret text, for tokens. */
  token(role: string): string;
}

/** Reads the secret of `dataDir`, or makes one. */
export function devKeys(dataDir: string): DevKeys {
  const file = path.join(dataDir, "secret");
  try {
    writeFileSync(file, randomBytes(32).toString("hex"), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const secret = Buffer.from(readFileSync(file, "utf8").trim(), "hex");
  if (secret.length !== 32) throw new Error(`${file} is damaged; start again with --fresh`);
  const derive = (purpose: string): string => createHmac("sha256", secret).update(purpose).digest("hex");
  const key = (role: string): `0x${string}` => `0x${derive(`key:${role}`)}`;
  return {
    key,
    wallet: (role, provider) => new Wallet(key(role), provider),
    token: (role) => derive(`token:${role}`),
  };
}
