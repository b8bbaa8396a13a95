/** From a base URL to a model that the network serves: stake, list, price, announce, wait. */
import { createInterface } from "node:readline/promises";

import { formatTokens, type Wei } from "../../router/model/money.ts";
import { connect, isDevChain, type Connection } from "./connection.ts";
import { formatPerMillion } from "./prices.ts";
import { probe } from "./probe.ts";
import { announceEndpoint, firstRequest, servedEndpoints, type ServedEndpoint } from "./routerApi.ts";
import { idFrom, ownedProviders, providerOf } from "./registry.ts";

export interface OnboardOptions {
  readonly dataDir: string;
  readonly endpoint: string;
  readonly model: string;
  readonly upstreamModel: string;
  readonly inputPriceWei: Wei;
  readonly outputPriceWei: Wei;
  readonly requestPriceWei: Wei;
  readonly apiKey: string | undefined;
  /** Undefined: what is missing to the minimum. */
  readonly stakeWei: Wei | undefined;
  readonly maxOutputUnits: number;
  readonly contextUnits: number;
  readonly yes: boolean;
}

/** The network did not serve the model in time. */
export class NotServed extends Error {
  override readonly name = "NotServed";
}

const SERVED_WITHIN_MS = 60_000;

export async function onboard(options: OnboardOptions): Promise<void> {
  const startedAt = performance.now();
  const { model, upstreamModel, apiKey } = options;
  const connection = await connect(options.dataDir);
  try {
    const { baseUrl, elapsedMs } = await probe(options.endpoint, upstreamModel, apiKey);
    done(`${baseUrl} answers as "${upstreamModel}" in ${elapsedMs} ms`);
    const plan = await planOf(connection, options);
    if (!(await agreed(connection, options, plan))) {
      console.log("nothing was done");
      return;
    }
    const providerId = await register(connection, plan);
    const listingId = await list(connection, providerId, model);
    const offerId = await offer(connection, listingId, options);
    await announceEndpoint(connection, {
      listingId,
      baseUrl,
      upstreamModel,
      apiKey,
      maxOutputUnits: options.maxOutputUnits,
      contextUnits: options.contextUnits,
    });
    done("the router knows the endpoint");
    await waitUntilServed(connection, model, offerId);
    if (isDevChain(connection)) {
      const receiptId = await firstRequest(connection, model, providerId);
      done(`first request served, receipt ${connection.economy.routerUrl}/v1/receipts/${receiptId}`);
    }
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(
      `\n"${model}" is on the network after ${seconds} s. Provider ${providerId}, offer ${offerId}.`,
    );
    console.log("npm run provider -- status   shows what it earns; npm run provider -- claim   pays it out");
  } finally {
    connection.close();
  }
}

interface Plan {
  /** Undefined: to be registered. */
  readonly providerId: number | undefined;
  readonly stakeWei: Wei;
  readonly market: readonly ServedEndpoint[];
}

async function planOf(connection: Connection, { stakeWei, model }: OnboardOptions): Promise<Plan> {
  const [providerId] = await ownedProviders(connection);
  const minimumWei = await connection.registry.minProviderStake();
  const bondedWei = providerId === undefined ? 0n : (await providerOf(connection, providerId)).stake.bonded;
  const missingWei = minimumWei > bondedWei ? minimumWei - bondedWei : 0n;
  const market = await servedEndpoints(connection, model);
  return { providerId, stakeWei: stakeWei ?? missingWei, market };
}

async function agreed(connection: Connection, options: OnboardOptions, plan: Plan): Promise<boolean> {
  const { inputPriceWei, outputPriceWei, requestPriceWei, model } = options;
  const price = `${formatPerMillion(inputPriceWei)} in, ${formatPerMillion(outputPriceWei)} out per million units`;
  const perRequest = requestPriceWei > 0n ? `, ${formatTokens(requestPriceWei)} per request` : "";
  console.log(`\n  model     ${model}\n  price     ${price}${perRequest} ($AI1NET)`);
  console.log(`  stake     ${formatTokens(plan.stakeWei)} $AI1NET more, back after the unbonding period`);
  console.log(`  provider  ${plan.providerId ?? "new"}, owner ${connection.address}`);
  for (const { provider_id, pricing } of plan.market.slice(0, 5))
    console.log(
      `  market    provider ${provider_id}: ${pricing.prompt} in, ${pricing.completion} out per unit`,
    );
  console.log("");
  if (options.yes || isDevChain(connection)) return true;
  if (!process.stdin.isTTY) throw new Error("this spends tokens: run it on a terminal, or agree with --yes");
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await lines.question("Stake and list? [y/N] ");
  lines.close();
  return /^y(es)?$/iu.test(answer.trim());
}

async function register(connection: Connection, { providerId, stakeWei }: Plan): Promise<number> {
  const { registry, token, address } = connection;
  if (stakeWei > 0n) await (await token.approve(await registry.getAddress(), stakeWei)).wait();
  if (providerId === undefined) {
    const sent = await registry.registerProvider(address, stakeWei);
    const created = await idFrom(connection, sent, "ProviderRegistered");
    done(`registered as provider ${created} with a stake of ${formatTokens(stakeWei)} $AI1NET`);
    return created;
  }
  if (stakeWei > 0n) {
    await (await registry.addStake(providerId, stakeWei)).wait();
    done(`staked ${formatTokens(stakeWei)} $AI1NET more`);
  }
  return providerId;
}

async function list(connection: Connection, providerId: number, model: string): Promise<number> {
  const { registry } = connection;
  let modelId = Number(await registry.modelIdOf(model));
  if (modelId === 0) {
    modelId = await idFrom(connection, await registry.registerModel(model, 0), "ModelRegistered");
    done(`registered the model "${model}"`);
  }
  const known = Number(await registry.listingIdOf(providerId, modelId));
  if (known !== 0) return known;
  const listingId = await idFrom(
    connection,
    await registry.createListing(providerId, modelId),
    "ListingCreated",
  );
  done(`listed it as listing ${listingId}`);
  return listingId;
}

async function offer(connection: Connection, listingId: number, options: OnboardOptions): Promise<number> {
  const { inputPriceWei, outputPriceWei, requestPriceWei } = options;
  const { registry } = connection;
  const sent = await registry.createOffer(listingId, inputPriceWei, outputPriceWei, requestPriceWei, 10_000);
  const offerId = await idFrom(connection, sent, "OfferCreated");
  done(`offer ${offerId} fixes the price`);
  return offerId;
}

async function waitUntilServed(connection: Connection, model: string, offerId: number): Promise<void> {
  const until = Date.now() + SERVED_WITHIN_MS;
  for (;;) {
    const endpoints = await servedEndpoints(connection, model);
    if (endpoints.some((endpoint) => endpoint.offer_id === offerId && endpoint.status !== "down")) break;
    if (Date.now() > until)
      throw new NotServed(
        `the router does not serve offer ${offerId} after ${SERVED_WITHIN_MS / 1000} s: see data/logs/router.log`,
      );
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  done("the router serves it");
}

function done(what: string): void {
  console.log(`✔ ${what}`);
}
