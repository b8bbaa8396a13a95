/** The audit could not be made. The message says what to do about it. */
export class AuditError extends Error {
  override readonly name = "AuditError";
}
