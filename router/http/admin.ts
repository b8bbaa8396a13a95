import { createHash, timingSafeEqual } from "node:crypto";

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Whether an `Authorization` header carries this secret; takes as long for a wrong one. */
export function carries(authorization: string | undefined, secret: string): boolean {
  const given = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1] ?? "";
  return timingSafeEqual(sha256(given), sha256(secret));
}
