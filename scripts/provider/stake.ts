/** Taking a stake back: ask, wait, withdraw. */
import { formatTokens, type Wei } from "../../router/model/money.ts";
import { connect, ConnectionError, type Connection } from "./connection.ts";
import { ownedProviders, providerOf } from "./registry.ts";

async function onlyOwned(connection: Connection): Promise<number> {
  const [providerId] = await ownedProviders(connection);
  if (providerId === undefined) throw new ConnectionError("no provider is yours: nothing is staked");
  return providerId;
}

export async function unstake(options: { dataDir: string; amountWei: Wei | undefined }): Promise<void> {
  const connection = await connect(options.dataDir);
  try {
    const providerId = await onlyOwned(connection);
    const amountWei = options.amountWei ?? (await providerOf(connection, providerId)).stake.bonded;
    await (await connection.registry.requestUnstake(providerId, amountWei)).wait();
    const { stake } = await providerOf(connection, providerId);
    const ready = new Date(Number(stake.readyAt) * 1000).toISOString();
    console.log(`✔ ${formatTokens(amountWei)} $AI1NET can be withdrawn from ${ready}`);
    console.log("  below the minimum stake, routers send nothing any more");
  } finally {
    connection.close();
  }
}

export async function withdraw(options: { dataDir: string }): Promise<void> {
  const connection = await connect(options.dataDir);
  try {
    const providerId = await onlyOwned(connection);
    const { stake } = await providerOf(connection, providerId);
    await (await connection.registry.withdrawStake(providerId, connection.address)).wait();
    console.log(`✔ ${formatTokens(stake.unbonding)} $AI1NET paid to ${connection.address}`);
  } finally {
    connection.close();
  }
}
