/** `npm run payer`: an account's money, without the router's help. */
import { Command, InvalidArgumentError } from "commander";
import { JsonRpcProvider, Wallet } from "ethers";
import { formatTokens, parseTokens } from "../../router/model/money.ts";
import { contractsOf } from "../deploy/deploy.ts";
import { devKeys } from "../demo/devKeys.ts";
import { describeError } from "../describeError.ts";
import { readEconomyFile, type EconomyFile } from "../economyFile.ts";

type Contracts = ReturnType<typeof contractsOf>;

interface Account extends Contracts {
  readonly economy: EconomyFile;
  readonly owner: string;
  readonly accountId: number;
  readonly nowSec: number;
}

const DEV_CHAIN_ID = 31_337;
const NO_ACCOUNT = 0;

function amount(text: string): bigint {
  try {
    return parseTokens(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function accountNumber(text: string): number {
  const id = Number(text);
  if (!Number.isInteger(id) || id < 1) throw new InvalidArgumentError("must be an account's number");
  return id;
}

const program = new Command("npm run payer --")
  .description("A payer's account: what is in it, more into it, and out of it with the router gone.")
  .option("--data <dir>", "data directory of the running economy", "data")
  .option("--strict", "the wallet's account for the wallet rail, instead of the one for API keys")
  .showHelpAfterError()
  .configureHelp({ showGlobalOptions: true });

const date = (sec: bigint | number): string => new Date(Number(sec) * 1_000).toISOString();
const tokens = (wei: bigint): string => `${formatTokens(wei)} $AI1NET`;

/** The demo's payer, or on other networks the owner of `AI1NET_PAYER_KEY`. */
async function withAccount(act: (account: Account) => Promise<void>): Promise<void> {
  const { data } = program.opts<{ data: string }>();
  const economy = readEconomyFile(data);
  const rpc = new JsonRpcProvider(economy.rpcUrl, economy.chainId, {
    staticNetwork: true,
    pollingInterval: 250,
    cacheTimeout: -1,
  });
  try {
    const given = process.env["AI1NET_PAYER_KEY"];
    if (!given && economy.chainId !== DEV_CHAIN_ID)
      throw new Error("set AI1NET_PAYER_KEY to the private key of the account's owner");
    const wallet = given ? new Wallet(given, rpc) : devKeys(data).wallet("payer", rpc);
    const contracts = contractsOf(economy.contracts, wallet);
    const terms = termsOf(economy, wallet.address);
    const accountId = Number(await contracts.escrow.accountIdOf(terms));
    const block = await rpc.getBlock("latest");
    await act({ ...contracts, economy, owner: wallet.address, accountId, nowSec: block?.timestamp ?? 0 });
  } finally {
    rpc.destroy();
  }
}

const termsOf = ({ operatorId }: EconomyFile, owner: string) => ({
  owner,
  operatorId,
  signer: owner,
  strict: program.opts<{ strict?: true }>().strict === true,
  maxAppFeePct: 20,
});

function existing({ accountId }: Account): number {
  if (accountId === NO_ACCOUNT)
    throw new Error("there is no account yet: npm run payer -- deposit --amount 100");
  return accountId;
}

program
  .command("balance")
  .description("what the account holds, and the wallet")
  .action(() =>
    withAccount(async (account) => {
      const { escrow, token, owner, economy } = account;
      console.log(`wallet   ${owner}: ${tokens(await token.balanceOf(owner))}`);
      if (account.accountId === NO_ACCOUNT) {
        console.log("account  none yet");
        return;
      }
      const { balance, credits, nextSeq } = await escrow.account(account.accountId);
      console.log(
        `account  ${account.accountId} with operator ${economy.operatorId}, ${nextSeq} requests settled`,
      );
      console.log(`  balance  ${tokens(balance)}, withdrawable`);
      console.log(`  credits  ${tokens(credits)}, spendable`);
      const exit = await escrow.exitOf(account.accountId);
      if (exit.readyAt > 0n)
        console.log(`  exit     ${tokens(exit.amount)} can be withdrawn from ${date(exit.readyAt)}`);
    }),
  );

program
  .command("deposit")
  .description("pay into the account; opens it if need be")
  .requiredOption("--amount <tokens>", "$AI1NET", amount)
  .action((given: { amount: bigint }) =>
    withAccount(async ({ escrow, token, owner, economy }) => {
      const spender = economy.contracts.Escrow;
      if ((await token.allowance(owner, spender)) < given.amount)
        await (await token.approve(spender, given.amount)).wait();
      await (await escrow.deposit(termsOf(economy, owner), given.amount)).wait();
      const accountId = Number(await escrow.accountIdOf(termsOf(economy, owner)));
      const { balance } = await escrow.account(accountId);
      console.log(`✔ deposited ${tokens(given.amount)}; account ${accountId} has ${tokens(balance)}`);
    }),
  );

program
  .command("grant")
  .description("give credits to an account: spendable with its operator, never withdrawable")
  .requiredOption("--amount <tokens>", "$AI1NET", amount)
  .option("--account <id>", "default: the wallet's own", accountNumber)
  .action((given: { amount: bigint; account?: number }) =>
    withAccount(async (account) => {
      const { escrow, token, owner, economy } = account;
      const accountId = given.account ?? existing(account);
      const spender = economy.contracts.Escrow;
      if ((await token.allowance(owner, spender)) < given.amount)
        await (await token.approve(spender, given.amount)).wait();
      await (await escrow.grantCredits(accountId, given.amount)).wait();
      const { credits } = await escrow.account(accountId);
      console.log(
        `✔ granted ${tokens(given.amount)}; account ${accountId} has ${tokens(credits)} in credits`,
      );
    }),
  );

program
  .command("exit")
  .description("announce a withdrawal; it can be made after the exit notice, with the router gone")
  .option("--amount <tokens>", "default: everything", amount)
  .action((given: { amount?: bigint }) =>
    withAccount(async (account) => {
      const accountId = existing(account);
      const { escrow } = account;
      const { balance } = await escrow.account(accountId);
      await (await escrow.requestExit(accountId, given.amount ?? balance)).wait();
      const exit = await escrow.exitOf(accountId);
      console.log(`✔ ${tokens(exit.amount)} can be withdrawn from ${date(exit.readyAt)}`);
    }),
  );

program
  .command("cancel-exit")
  .description("take an announced withdrawal back")
  .action(() =>
    withAccount(async (account) => {
      await (await account.escrow.cancelExit(existing(account))).wait();
      console.log("✔ cancelled");
    }),
  );

program
  .command("withdraw")
  .description("take out what was announced")
  .action(() =>
    withAccount(async (account) => {
      const accountId = existing(account);
      const { escrow, token, owner, nowSec } = account;
      const { readyAt } = await escrow.exitOf(accountId);
      if (readyAt === 0n) throw new Error("nothing was announced: npm run payer -- exit");
      if (readyAt > BigInt(nowSec))
        throw new Error(`the notice ends at ${date(readyAt)}, in ${Number(readyAt) - nowSec} s`);
      const before = await token.balanceOf(owner);
      await (await escrow.withdraw(accountId, owner)).wait();
      console.log(`✔ ${tokens((await token.balanceOf(owner)) - before)} paid to ${owner}`);
    }),
  );

try {
  await program.parseAsync();
} catch (error) {
  console.error(`error: ${describeError(error)}`);
  process.exitCode = 1;
}
