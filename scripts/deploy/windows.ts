/** The protocol's durations, in seconds; what each is stands in contracts/libraries/Windows.sol. */
export interface Windows {
  readonly challenge: number;
  readonly settle: number;
  readonly selfSettle: number;
  readonly exitNotice: number;
  readonly unbonding: number;
  readonly maxPause: number;
  readonly grace: number;
  readonly epoch: number;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** For money that matters. */
export const PRODUCTION_WINDOWS: Windows = {
  challenge: DAY,
  settle: DAY,
  selfSettle: 2 * DAY,
  exitNotice: 7 * DAY,
  unbonding: 14 * DAY,
  maxPause: 3 * DAY,
  grace: HOUR,
  epoch: 7 * DAY,
};

/** For a demo: earnings can be claimed within a minute, an exit takes a few. */
export const DEMO_WINDOWS: Windows = {
  challenge: 20,
  settle: MINUTE,
  selfSettle: MINUTE,
  exitNotice: 4 * MINUTE,
  unbonding: 6 * MINUTE,
  maxPause: MINUTE,
  grace: 15 * MINUTE,
  epoch: HOUR,
};
