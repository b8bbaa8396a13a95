/** How an answer went, as far as its receipt does not say. */
export interface Service {
  readonly isStreamed: boolean;
  /** The caller left before its end. */
  readonly isCancelled: boolean;
  /** From the try's beginning to the first content; only of what came as it was made. */
  readonly firstContentMs: number | undefined;
  /** From the try's beginning to its end. */
  readonly durationMs: number;
  /** The provider's word. */
  readonly finishReason: string | undefined;
  /** The provider's own counts; undefined where it gave none. */
  readonly native: NativeUnits;
}

export interface NativeUnits {
  readonly prompt: number | undefined;
  readonly completion: number | undefined;
  readonly reasoning: number | undefined;
  readonly cached: number | undefined;
}

const NOTHING = "-";
const REASON = /^\w{1,32}$/;

const word = (value: number | undefined): string =>
  value === undefined || !Number.isSafeInteger(value) ? NOTHING : String(value);
const number = (text: string | undefined): number | undefined =>
  text === undefined || text === NOTHING ? undefined : Number(text);

/** As journal and store keep it: a few characters, since there is one for every request. */
export function serviceText(service: Service): string {
  const { isStreamed, isCancelled, firstContentMs, durationMs, finishReason, native } = service;
  const reason = finishReason !== undefined && REASON.test(finishReason) ? finishReason : NOTHING;
  const { prompt, completion, reasoning, cached } = native;
  const flags = (isStreamed ? 1 : 0) + (isCancelled ? 2 : 0);
  const times = [firstContentMs, durationMs].map((ms) => word(ms === undefined ? ms : Math.round(ms)));
  return [flags, ...times, reason, ...[prompt, completion, reasoning, cached].map(word)].join(":");
}

/** The inverse; undefined for what was kept before there was such a text. */
export function serviceOf(text: string | undefined): Service | undefined {
  if (text === undefined || text === "") return undefined;
  const [flags, first, duration, reason, ...native] = text.split(":");
  const [prompt, completion, reasoning, cached] = native.map(number);
  return {
    isStreamed: (Number(flags) & 1) > 0,
    isCancelled: (Number(flags) & 2) > 0,
    firstContentMs: number(first),
    durationMs: Number(duration),
    finishReason: reason === NOTHING ? undefined : reason,
    native: { prompt, completion, reasoning, cached },
  };
}
