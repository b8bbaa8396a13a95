import type { AccountSnapshot } from "../model/account.ts";
import type { Candidate } from "../model/candidate.ts";
import type { Purse } from "../model/funds.ts";
import { appFeeUp } from "../model/offer.ts";
import type { Attempt } from "../model/outcome.ts";
import type { SignedReceipt } from "../model/receipt.ts";
import { authenticate } from "./authenticate.ts";
import type { Delivery } from "./delivery.ts";
import type { Demand } from "./demand.ts";
import { forward } from "./forward.ts";
import { RequestHold, type MoneyHold } from "./hold.ts";
import { limitRequests, limitTokens, mostTokens } from "./limitRate.ts";
import { meter, type Metered } from "./meter.ts";
import { pickedDemand, pickModel } from "./pickModel.ts";
import { planAll, sessionKey } from "./planAll.ts";
import { record, requestHashOf } from "./record.ts";
import { invalidRequest, journalDown, Refusal } from "./refusal.ts";
import { replay } from "./recording.ts";
import type { RepeatMarks } from "./repeats.ts";
import type { Reply } from "./reply.ts";
import { serviceOfDelivery } from "./serviceOf.ts";
import { traceJson, withTrace } from "./trace.ts";
import type { Bill, Head } from "./wire/wire.ts";
import type { Request, World } from "./world.ts";

/** A request as it comes in. */
export interface Call extends RepeatMarks {
  /** `gen-...` */
  readonly requestId: string;
  readonly authorization: string | undefined;
  /** The money that is already held for it, as part of something greater; ended with the request. */
  readonly hold?: MoneyHold;
  /** Reads and checks the body; only asked for once the caller is known. @throws {Refusal} */
  read(): Promise<Demand>;
}

/**
 * Serves one request, from the key to the receipt.
 * @throws {Refusal} what the caller is to be told
 * @throws {CallerLeft} when there is nobody to tell
 */
export async function serve(world: World, call: Call, reply: Reply): Promise<void> {
  const startedAtMs = world.clock.nowMs();

  // Who asks, for what?
  const key = authenticate(world.keys, call.authorization, startedAtMs);
  await limitRequests(world, key);
  const asked = await call.read();
  const requestHash = requestHashOf(asked.received);
  if (world.journal.failure()) throw journalDown();
  world.metrics.stage("read", (world.clock.nowMs() - startedAtMs) / 1000);
  const app = appOf(world, asked, accountOf(world, key.accountId));
  const { requestId } = call;
  const request = { requestId, key, demand: asked, requestHash, app, startedAtMs };

  // For the first time?
  const first = await world.repeats.begin(key, call, asked, requestHash, reply);
  if (!first) {
    await serveFirst(world, { ...request, name: undefined, payment: undefined }, reply, [], call.hold);
  } else if (first.kind === "repetition") {
    await replay(first.recording, reply);
  } else {
    try {
      const named = { ...request, name: first.name, payment: undefined };
      first.keep(await serveFirst(world, named, first.reply, [], call.hold));
    } catch (error) {
      first.drop();
      throw error;
    }
  }
}

/**
 * Serves a request that is no repetition.
 * @param limits what has to cover it besides the account's and the key's money
 * @param held what is held for it already, in the place of all that
 * @returns the receipt of what was delivered
 */
export async function serveFirst(
  world: World,
  received: Request,
  reply: Reply,
  limits: readonly Purse[] = [],
  held?: MoneyHold,
): Promise<SignedReceipt> {
  const { clock, metrics } = world;
  const { key, demand: asked, startedAtMs } = received;
  const pricedFromMs = clock.nowMs();

  // Which model, if that is ours to say?
  const pick = asked.choice && (await pickModel(world, key, asked, asked.choice, startedAtMs));
  const demand = pick ? pickedDemand(asked, pick) : asked;
  const request = { ...received, demand };

  // How big is it, and who could do it?
  const { ranked, sizes, route, model, refusal } = await planAll(world, key, demand, startedAtMs);
  const failures: Attempt[] = [];
  const traceOf = (served?: Candidate): object | undefined =>
    asked.wantsTrace ? traceJson({ asked, pick, model, route, failures, served }) : undefined;
  if (refusal) throw withTrace(refusal, traceOf());
  metrics.stage("price", (clock.nowMs() - pricedFromMs) / 1000);

  const most = key.tokensPerMinute === undefined ? 0 : mostTokens(demand, ranked, sizes);
  const tokens = await limitTokens(world, key, most);

  // Hold, send, bill. Whatever happens, the hold ends here, after everything that was served is in the book.
  const hold = held ?? new RequestHold([...limits, ...world.funds.pursesOf(key)]);
  if (request.payment) reply.paid({ payer: request.payment.from, chargedWei: undefined });
  let isRecorded = false;
  let usedTokens = 0;
  try {
    const delivery = await forward(world, request, ranked, sizes, hold, reply, failures);
    metrics.stage("upstream", (delivery.endedAtMs - delivery.startedAtMs) / 1000);
    const metered = await meter(world, demand, delivery);
    usedTokens = metered.promptUnits + metered.completionUnits;
    metrics.stage("meter", (clock.nowMs() - delivery.endedAtMs) / 1000);
    isRecorded = true;
    const served = delivery.candidate.model;
    const service = serviceOfDelivery(demand, delivery);
    const receipts = await record(world, request, served.name, [...failures, metered.attempt], service);
    const session = sessionKey(key, demand, served);
    if (session !== undefined) world.homes.set(session, delivery.candidate.offer.listingId);
    void world.usageComparison.consider(demand, delivery);
    const receipt = receipts.at(-1) as SignedReceipt;
    const trace = traceOf(delivery.candidate);
    if (delivery.isWhole) finish(reply, request, delivery, metered, receipt, trace);
    return receipt;
  } catch (error) {
    if (failures.length > 0 && !isRecorded) await record(world, request, model.name, failures);
    throw withTrace(error, traceOf());
  } finally {
    hold.release();
    await tokens.settle(usedTokens).catch((err: unknown) => {
      world.logger.warn({ err, requestId: request.requestId }, "a key's tokens could not be counted");
    });
  }
}

export function accountOf(world: World, accountId: number): AccountSnapshot {
  const account = world.accounts.snapshot(accountId);
  if (!account)
    throw new Refusal(503, "service_unavailable", "this account is not loaded from the chain yet");
  return account;
}

export function appOf(world: World, { appId }: Demand, account: AccountSnapshot): Request["app"] {
  const { maxAppFeePct } = account;
  if (appId === 0) return { feeBps: 0, maxAppFeePct };
  const app = world.market.app(appId);
  if (!app) throw invalidRequest(`there is no app ${appId}`, "x-ai1net-app");
  return { feeBps: app.feeBps, maxAppFeePct };
}

/** The end of the answer: what it cost, and the receipt for it. */
function finish(
  reply: Reply,
  { requestId, demand, app, startedAtMs, payment }: Request,
  delivery: Delivery,
  metered: Metered,
  receipt: SignedReceipt,
  trace: object | undefined,
): void {
  const feeWei = appFeeUp(metered.attempt.amountWei, app.feeBps, app.maxAppFeePct);
  const bill: Bill = { metered, appFeeWei: feeWei, details: delivery.usageDetails, receipt, trace };
  const head: Head = {
    id: requestId,
    created: Math.floor(startedAtMs / 1000),
    model: delivery.candidate.model.name,
  };
  const { wire } = demand;
  const chargedWei = metered.attempt.amountWei + feeWei;
  if (payment) reply.paid({ payer: payment.from, chargedWei });
  if (wire.answers === "bytes") reply.doneBytes(delivery.lastBytes ?? new Uint8Array(), receipt);
  else if (demand.stream) {
    const events = wire.ending(delivery.lastEvents, head, bill);
    const payer = payment && { payment: { payer: payment.from, charged_wei: chargedWei.toString() } };
    for (const [i, event] of events.entries())
      void reply.send(payer && i === events.length - 1 ? { ...event, ...payer } : event);
    reply.done();
  } else reply.whole(wire.whole(delivery.body ?? {}, head, bill), head, receipt);
}
