import type { Hex } from "../model/bytes.ts";
import { appFeeUp } from "../model/offer.ts";
import type { Wei } from "../model/money.ts";
import { paidRequestHash, type PaymentAuthorization } from "../model/payment.ts";
import type { Demand } from "./demand.ts";
import { pickModel } from "./pickModel.ts";
import { planAll } from "./planAll.ts";
import { ceilingAt } from "./price.ts";
import { invalidRequest } from "./refusal.ts";
import { walletKey } from "./walletPayment.ts";
import type { World } from "./world.ts";

/** What the receipt of a paid request commits to. @throws {Refusal} 400 for a body without a canonical form */
export function paidHashOf(demand: Demand, { nonce }: PaymentAuthorization): Hex {
  try {
    return paidRequestHash(demand.received, nonce);
  } catch (cause) {
    throw invalidRequest(
      `the body has no canonical form: ${cause instanceof Error ? cause.message : "bad JSON"}`,
    );
  }
}

/** The terms of the wallet's account are not known yet: an app's fee is taken to be within them. */
const ANY_APP_FEE_PCT = 100;

/**
 * The most that a request can cost at the offer that would be chosen for it; where the model is ours to choose, at any that
 * may be: the choice may fall differently when the payment is here.
 * @throws {Refusal} when there is none
 */
export async function priceOf(world: World, demand: Demand, nowMs: number): Promise<Wei> {
  const app = demand.appId === 0 ? undefined : world.market.app(demand.appId);
  if (demand.appId !== 0 && !app) throw invalidRequest(`there is no app ${demand.appId}`, "x-ai1net-app");
  const key = walletKey(0);
  const pick = demand.choice && (await pickModel(world, key, demand, demand.choice, nowMs));
  let amountWei = 0n;
  for (const name of pick?.ranked.map((model) => model.name) ?? [demand.model]) {
    const { ranked, sizes, refusal } = await planAll(world, key, { ...demand, model: name }, nowMs);
    const [chosen] = ranked;
    if (refusal && !pick) throw refusal;
    const size = chosen && sizes.get(chosen.model.modelId);
    if (!size) continue;
    const ceiling = ceilingAt(demand, size, chosen);
    if (ceiling.amountWei > amountWei) ({ amountWei } = ceiling);
  }
  return amountWei + appFeeUp(amountWei, app?.feeBps ?? 0, ANY_APP_FEE_PCT);
}
