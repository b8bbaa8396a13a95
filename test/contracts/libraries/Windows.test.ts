import { expect } from "chai";

import { ethers } from "../fixtures/chain.ts";
import { WINDOWS } from "../fixtures/economy.ts";

const MAX = 90 * 24 * 3_600;

describe("Windows", () => {
  it("accepts durations in range and in order only", async () => {
    const probe = await ethers.deployContract("WindowsProbe");
    await probe.check(WINDOWS);
    for (const key of Object.keys(WINDOWS)) {
      for (const value of [4, MAX + 1]) {
        await expect(probe.check({ ...WINDOWS, [key]: value }))
          .to.be.revertedWithCustomError(probe, "Windows_OutOfRange")
          .withArgs(value, 5, MAX);
      }
    }
    const exits = WINDOWS.settle + WINDOWS.selfSettle + WINDOWS.maxPause;
    await probe.check({ ...WINDOWS, exitNotice: exits + 1 });
    await expect(probe.check({ ...WINDOWS, exitNotice: exits }))
      .to.be.revertedWithCustomError(probe, "Windows_ExitNoticeTooShort")
      .withArgs(exits, exits);
    const slashable = exits + 3 * WINDOWS.challenge;
    await probe.check({ ...WINDOWS, unbonding: slashable + 1 });
    await expect(probe.check({ ...WINDOWS, unbonding: slashable }))
      .to.be.revertedWithCustomError(probe, "Windows_UnbondingTooShort")
      .withArgs(slashable, slashable);
  });

  it("has every bucket in one epoch", async () => {
    const probe = await ethers.deployContract("WindowsProbe");
    const { challenge } = WINDOWS;
    for (const epoch of [challenge, 2 * challenge]) await probe.check({ ...WINDOWS, epoch });
    for (const epoch of [challenge - 1, challenge + 1, 2 * challenge - 60])
      await expect(probe.check({ ...WINDOWS, epoch }))
        .to.be.revertedWithCustomError(probe, "Windows_EpochNotWhole")
        .withArgs(epoch, challenge);
  });
});
