/** When a key's limit begins anew: at midnight UTC, of every day, Monday, or first of a month. */
export type Period = "daily" | "weekly" | "monthly";

export const PERIODS: readonly Period[] = ["daily", "weekly", "monthly"];

const DAY_MS = 86_400_000;
const WEEK_DAYS = 7;
/** 1970-01-01 was a Thursday. */
const DAYS_SINCE_MONDAY = 3;

/** Days since 1970, in UTC. */
export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** First day of the period that `ms` is in. */
export function startDayOf(period: Period, ms: number): number {
  const day = dayOf(ms);
  if (period === "daily") return day;
  if (period === "weekly") return day - ((day + DAYS_SINCE_MONDAY) % WEEK_DAYS);
  const date = new Date(ms);
  return dayOf(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1));
}

/** When the period after the one that `ms` is in begins. */
export function endMsOf(period: Period, ms: number): number {
  const start = startDayOf(period, ms);
  if (period !== "monthly") return (start + (period === "daily" ? 1 : WEEK_DAYS)) * DAY_MS;
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}
