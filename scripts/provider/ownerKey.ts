import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Wallet } from "ethers";

/** The file of the owner's key can't be used; it is left as it is, since a stake may hang on it. */
export class OwnerKeyError extends Error {
  override readonly name = "OwnerKeyError";
}

/**
 * The private key of a development provider's owner, made at the first call. An existing file is never replaced.
 * @throws {OwnerKeyError}
 */
export function ownerKey(dataDir: string): string {
  const file = path.join(dataDir, "provider.key");
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(file, `${Wallet.createRandom().privateKey}\n`, { mode: 0o600, flag: "wx" });
  }
  try {
    return new Wallet(readFileSync(file, "utf8").trim()).privateKey;
  } catch {
    // No cause: what a library says of a bad key may quote it.
    throw new OwnerKeyError(
      `${file} holds no readable private key: restore it, or move it away to begin as somebody new`,
    );
  }
}
