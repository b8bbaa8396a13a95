import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { PaymentAuthorization } from "../../../router/model/payment.ts";
import type { Challenge, ChallengeDesk, SentResult } from "../../../router/ports.ts";
import { ChallengeAnswers, type ChallengeEnd } from "../../../router/settlement/challengeAnswers.ts";
import { listeningLog, samplePayment } from "../../fakes/samples.ts";

const CHALLENGE: Challenge = { accountId: 4, seq: 7, answerBySec: 1_000 };
const PAYMENT = samplePayment(7);

/** A chain with challenges, which takes an answer once. */
class FakeDesk implements ChallengeDesk {
  opened: Challenge[] = [];
  readonly states = new Map<string, "open" | "ended">();
  readonly sent: PaymentAuthorization[] = [];
  /** What the next answers come to, in the place of being mined. */
  readonly results: SentResult[] = [];
  blockNumber = 100n;
  timeSec = 500;

  open(challenge: Challenge): void {
    this.opened.push(challenge);
    this.states.set(`${challenge.accountId}-${challenge.seq}`, "open");
  }

  async look() {
    const { blockNumber, timeSec } = this;
    return { opened: this.opened.splice(0), blockNumber, timeSec };
  }

  async isOpen(accountId: number, seq: number): Promise<boolean> {
    return this.states.get(`${accountId}-${seq}`) === "open";
  }

  async answer({ accountId, seq }: Challenge, payment: PaymentAuthorization): Promise<SentResult> {
    this.sent.push(payment);
    const result = this.results.shift();
    if (result) return result;
    this.states.set(`${accountId}-${seq}`, "ended");
    return { status: "mined", txHash: "0xaa", blockNumber: ++this.blockNumber };
  }
}

function start(payments: Readonly<Record<string, PaymentAuthorization>> = { "4-7": PAYMENT }) {
  const desk = new FakeDesk();
  const log = listeningLog();
  const ends: ChallengeEnd[] = [];
  const scene = { leads: true };
  const answers = new ChallengeAnswers({
    desk,
    store: { payment: async (accountId, seq) => payments[`${accountId}-${seq}`] },
    log,
    leads: async () => scene.leads,
    confirmations: 3,
    pollMs: 5,
    onEnd: (end) => void ends.push(end),
  });
  return { desk, log, ends, scene, answers };
}

describe("answering challenges", () => {
  it("shows what is kept for the row, once", async () => {
    const { desk, ends, answers } = start();
    desk.open(CHALLENGE);
    await answers.look();
    assert.deepEqual(desk.sent, [PAYMENT]);
    assert.equal(answers.open(), 0);
    for (let i = 0; i < 5; i++, desk.blockNumber++) await answers.look();
    assert.deepEqual([desk.sent.length, ends], [1, ["answered"]]);
  });

  it("sends it again while nobody knows what became of it", async () => {
    const { desk, ends, answers } = start();
    desk.results.push({ status: "unknown", txHash: "0xaa" }, { status: "unknown", txHash: undefined });
    desk.open(CHALLENGE);
    await answers.look();
    await answers.look();
    assert.deepEqual([desk.sent.length, answers.open(), ends], [2, 1, []]);
    await answers.look();
    assert.deepEqual([desk.sent.length, answers.open(), ends], [3, 0, ["answered"]]);
  });

  it("answers anew if a reorganization takes the answer back, until the answer is deep enough", async () => {
    const { desk, ends, answers } = start();
    desk.open(CHALLENGE);
    await answers.look();
    desk.states.set("4-7", "open");
    desk.blockNumber += 3n;
    await answers.look();
    assert.deepEqual([desk.sent.length, ends], [2, ["answered"]]);
    desk.blockNumber += 3n;
    await answers.look();
    desk.states.set("4-7", "open");
    await answers.look();
    assert.equal(desk.sent.length, 2, "what is final is asked about no more");
  });

  it("takes a challenge that is named again for the same one", async () => {
    const { desk, ends, answers } = start({});
    desk.open(CHALLENGE);
    await answers.look();
    desk.open(CHALLENGE);
    await answers.look();
    assert.deepEqual([answers.open(), ends], [1, ["missing"]]);
  });

  it("leaves alone what somebody else has answered", async () => {
    const { desk, ends, answers } = start();
    desk.open(CHALLENGE);
    desk.states.set("4-7", "ended");
    await answers.look();
    assert.deepEqual([desk.sent.length, answers.open(), ends], [0, 0, []]);
  });

  it("says loudly, and once, that nothing is kept; goes on with the others", async () => {
    const { desk, log, ends, answers } = start({ "4-8": PAYMENT });
    desk.open(CHALLENGE);
    desk.open({ ...CHALLENGE, seq: 8, answerBySec: 1_001 });
    await answers.look();
    await answers.look();
    assert.equal(desk.sent.length, 1);
    assert.deepEqual(ends, ["missing", "answered"]);
    assert.equal(log.lines.filter((line) => line.includes("no authorization is kept")).length, 1);
    assert.equal(answers.open(), 1);
    desk.timeSec = 1_002;
    await answers.look();
    assert.deepEqual(ends, ["missing", "answered", "late"]);
    assert.equal(answers.open(), 0);
  });

  it("says that the contracts refuse what is kept, and tries on", async () => {
    const { desk, log, ends, answers } = start();
    const refused = { status: "refused", reason: "Challenges_AuthorizationUsed(4, 6)" } as const;
    desk.results.push(refused, refused);
    desk.open(CHALLENGE);
    await answers.look();
    await answers.look();
    assert.deepEqual([desk.sent.length, ends], [2, ["refused"]]);
    assert.equal(log.lines.filter((line) => line.includes("refuse an authorization")).length, 1);
  });

  it("answers the most urgent first", async () => {
    const urgent = { ...PAYMENT, valueWei: 9n };
    const { desk, answers } = start({ "4-7": PAYMENT, "5-0": urgent });
    desk.open(CHALLENGE);
    desk.open({ accountId: 5, seq: 0, answerBySec: 900 });
    await answers.look();
    assert.deepEqual(desk.sent, [urgent, PAYMENT]);
  });

  it("is the leading router's business", async () => {
    const { desk, scene, answers } = start();
    scene.leads = false;
    desk.open(CHALLENGE);
    await answers.look();
    assert.equal(desk.sent.length, 0);
    scene.leads = true;
    await answers.look();
    assert.equal(desk.sent.length, 1);
  });
});
