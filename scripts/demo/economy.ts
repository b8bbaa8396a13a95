/** Everybody of the demo on a fresh chain: the contracts, an operator, providers with offers, a payer with a deposit. */
import { readFileSync } from "node:fs";
import {
  keccak256,
  NonceManager,
  parseEther,
  toQuantity,
  type JsonRpcProvider,
  type TransactionRequest,
} from "ethers";
import { UNITS } from "../../router/model/offer.ts";
import { parseTokens } from "../../router/model/money.ts";
import { artifactOf } from "../deploy/artifacts.ts";
import { contractsOf, deploy, type Deployment } from "../deploy/deploy.ts";
import { deployTimelock } from "../deploy/timelock.ts";
import { DEMO_WINDOWS } from "../deploy/windows.ts";
import { eventOf, mined } from "../mined.ts";
import { parsePerMillion } from "../provider/prices.ts";
import type { DevKeys } from "./devKeys.ts";
import { DEMO_PROVIDERS, type DemoProvider } from "./providers/catalog.ts";

export interface DemoEconomy {
  readonly contracts: Deployment;
  readonly timelock: string;
  /** Of the bytecode that was deployed. */
  readonly build: string;
  readonly operatorId: number;
  /** Holds what is left of the supply. */
  readonly treasury: string;
  readonly payer: string;
  readonly accountId: number;
  readonly providers: readonly {
    readonly name: string;
    readonly providerId: number;
    readonly listingId: number;
    readonly offerId: number;
    readonly owner: string;
  }[];
}

const MIN_OPERATOR_BOND = parseTokens("10000");
const MIN_PROVIDER_STAKE = parseTokens("1000");
const OPERATOR_BOND = parseTokens("100000");
const PROVIDER_STAKE = parseTokens("2000");
const PROVIDER_TOKENS = parseTokens("5000");
const PAYER_TOKENS = parseTokens("10000");
const DEPOSIT = parseTokens("1000");
const PROTOCOL_FEE_BPS = 500;
const OPERATOR_SHARE_BPS = 5_000;
const REBATE_SHARE_BPS = 1_000;
const PENALTY = parseTokens("1000");
const GAS_COINS = toQuantity(parseEther("1000"));
/** Calls that build on others of the same block can't be estimated. */
const GAS: TransactionRequest = { gasLimit: 500_000n };

/** What the compiled contracts are, and who offers what, in one hash. */
export function buildHash(): string {
  const names = ["AI1NET", "Registry", "Escrow", "Ledger", "Reviews"];
  const code = names.map((name) => artifactOf(name).bytecode.slice(2)).join("");
  const offered = JSON.stringify(DEMO_PROVIDERS.map(({ name, model, unit }) => [name, model, unit]));
  return keccak256(`0x${code}${Buffer.from(offered).toString("hex")}`);
}

/**
 * Sets the demo up. A second passes per block, so independent calls share blocks, and ids are read from the events.
 * @param progress is told each step that is done
 */
export async function setUpEconomy(
  rpc: JsonRpcProvider,
  keys: DevKeys,
  demoProviders: readonly Pick<DemoProvider, "name" | "model" | "unit" | "price">[],
  progress: (done: string) => void,
): Promise<DemoEconomy> {
  const wallet = (role: string) => keys.wallet(role, rpc);
  const roles = [
    "admin",
    "operator",
    "settler",
    "payer",
    ...demoProviders.map(({ name }) => `provider/${name}`),
  ];
  for (const role of roles) await rpc.send("anvil_setBalance", [wallet(role).address, GAS_COINS]);

  const admin = wallet("admin");
  const timelock = await deployTimelock(admin, {
    delaySec: 0,
    proposers: [admin.address],
    executors: [admin.address],
  });
  const contracts = await deploy({
    deployer: admin,
    holder: admin.address,
    owner: timelock,
    guardian: admin.address,
    windows: DEMO_WINDOWS,
    minOperatorBondWei: MIN_OPERATOR_BOND,
    minProviderStakeWei: MIN_PROVIDER_STAKE,
    protocolFeeBps: PROTOCOL_FEE_BPS,
    operatorShareBps: OPERATOR_SHARE_BPS,
    rebateShareBps: REBATE_SHARE_BPS,
    reporter: admin.address,
    penaltyWei: PENALTY,
  });
  progress(
    "contracts deployed and wired: AI1NET, Registry, Escrow, Ledger, Disputes, Reviews, Rewards, behind a timelock",
  );

  const as = (role: string) => contractsOf(contracts, new NonceManager(wallet(role)));
  const asAdmin = as("admin");
  const operator = as("operator");
  const payer = as("payer");
  const providers = demoProviders.map((demo) => ({
    demo,
    ...as(`provider/${demo.name}`),
    owner: wallet(`provider/${demo.name}`).address,
  }));
  const units = new Map(demoProviders.map(({ model, unit }) => [model, UNITS.indexOf(unit)]));
  const models = [...units.keys()];
  const give = (to: string, amount: bigint) => asAdmin.token.transfer(to, amount, GAS);
  const modelReceipts = mined(
    ...models.map((model) => asAdmin.registry.registerModel(model, units.get(model) ?? 0, GAS)),
  );
  await Promise.all([
    mined(
      give(wallet("operator").address, OPERATOR_BOND),
      give(wallet("payer").address, PAYER_TOKENS),
      ...providers.map(({ owner }) => give(owner, PROVIDER_TOKENS)),
      operator.token.approve(contracts.Registry, OPERATOR_BOND, GAS),
      payer.token.approve(contracts.Escrow, DEPOSIT, GAS),
      ...providers.map(({ token }) => token.approve(contracts.Registry, PROVIDER_STAKE, GAS)),
    ),
    modelReceipts,
  ]);
  const modelIds = new Map(
    (await modelReceipts).map((receipt, i) => [
      models[i],
      eventOf(asAdmin.registry, receipt, "ModelRegistered")["modelId"] as bigint,
    ]),
  );

  const operatorAddress = wallet("operator").address;
  const [registered, ...joined] = await mined(
    operator.registry.registerOperator(
      operatorAddress,
      wallet("settler").address,
      wallet("receipts").address,
      OPERATOR_BOND,
      GAS,
    ),
    ...providers.map(({ registry, owner }) => registry.registerProvider(owner, PROVIDER_STAKE, GAS)),
  );
  const operatorId = Number(eventOf(operator.registry, registered, "OperatorRegistered")["operatorId"]);
  const providerIds = joined.map(
    (receipt) => eventOf(asAdmin.registry, receipt, "ProviderRegistered")["providerId"] as bigint,
  );
  progress(`operator ${operatorId} bonded, ${providers.length} providers staked`);

  const payerAddress = wallet("payer").address;
  const terms = { owner: payerAddress, operatorId, signer: payerAddress, strict: false, maxAppFeePct: 20 };
  const [deposited, ...listed] = await mined(
    payer.escrow.deposit(terms, DEPOSIT, GAS),
    ...providers.map(({ registry, demo }, i) =>
      registry.createListing(providerIds[i] ?? 0n, modelIds.get(demo.model) ?? 0n, GAS),
    ),
  );
  const accountId = Number(eventOf(payer.escrow, deposited, "AccountOpened")["accountId"]);
  const listingIds = listed.map(
    (receipt) => eventOf(asAdmin.registry, receipt, "ListingCreated")["listingId"] as bigint,
  );
  const offered = await mined(
    ...providers.map(({ registry, demo: { price } }, i) =>
      registry.createOffer(
        listingIds[i] ?? 0n,
        parsePerMillion(price.input),
        parsePerMillion(price.output),
        parseTokens(price.request),
        10_000,
        GAS,
      ),
    ),
  );
  progress(
    `${models.length} models listed by ${providers.length} offers; a payer deposited ${DEPOSIT / parseTokens("1")} $AI1NET`,
  );
  return {
    contracts,
    timelock,
    build: buildHash(),
    operatorId,
    treasury: admin.address,
    payer: payerAddress,
    accountId,
    providers: providers.map(({ demo, owner }, i) => ({
      name: demo.name,
      providerId: Number(providerIds[i]),
      listingId: Number(listingIds[i]),
      offerId: Number(eventOf(asAdmin.registry, offered[i], "OfferCreated")["offerId"]),
      owner,
    })),
  };
}

/** Reads an economy that was set up before. */
export function readEconomy(file: string): DemoEconomy {
  return JSON.parse(readFileSync(file, "utf8")) as DemoEconomy;
}
