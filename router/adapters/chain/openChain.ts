import { privateKeyToAccount } from "viem/accounts";

import type { Hex } from "../../model/bytes.ts";
import type {
  AccountFinder,
  Chain,
  ChallengeDesk,
  ExitDesk,
  Logger,
  Relay,
  ReviewDesk,
  SignIn,
  VerifyEndpoint,
} from "../../ports.ts";
import { disputesAbi, registryAbi, settleAbi } from "./abi.ts";
import { accountFinder } from "./accountFinder.ts";
import { batchReader } from "./batchReader.ts";
import { challengeDesk } from "./challengeDesk.ts";
import { changeReader } from "./changeReader.ts";
import { exitDesk } from "./exitDesk.ts";
import { findContracts, rpcClient, type Contracts } from "./contracts.ts";
import { marketReader } from "./marketReader.ts";
import { readAccount } from "./readAccount.ts";
import { reviewDesk } from "./reviewDesk.ts";
import { DepositRelay } from "./relay.ts";
import { signIn } from "./signIn.ts";
import { RpcPool, type RpcPoolOptions, type RpcStatus } from "./rpcPool.ts";
import { TransactionSender } from "./transactionSender.ts";
import { Turns } from "./turns.ts";
import { verifyEndpoint } from "./verifyEndpoint.ts";

export interface ChainOptions {
  /** In order of preference; see {@link RpcPool}. */
  readonly rpcUrls: readonly string[];
  readonly chainId: number;
  readonly ledger: Hex;
  readonly operatorId: number;
  /** Private key that sends batches and answers, and pays their gas. */
  readonly settlerKey: Hex;
  /** Address of the configured receipt key. */
  readonly receiptKeyAddress: Hex;
  readonly log: Logger;
  /** How long one `settle` or `answer` waits for its transaction; default 120,000. */
  readonly settleTimeoutMs?: number;
  /** After this long without being mined, a transaction is replaced by a dearer one; default 30,000. */
  readonly bumpAfterMs?: number;
  /** Default 500. */
  readonly receiptPollMs?: number;
  /** Pays the gas of deposits; default: the settler. */
  readonly relayerKey?: Hex | undefined;
  /** Default 50,000,000. */
  readonly relayGasPerHour?: bigint;
  /** Default one token. */
  readonly minDepositWei?: bigint;
  /** How long a deposit waits for its transaction; default 60,000. */
  readonly relayTimeoutMs?: number;
  /** False while another router sends with the settler's key. Default: always. */
  readonly maySettle?: () => Promise<boolean>;
  /** Default 1,000 gwei. */
  readonly maxFeePerGasWei?: bigint;
  /** Patience with endpoints. */
  readonly rpc?: Pick<RpcPoolOptions, "timeoutMs" | "checkEveryMs" | "penaltyMs">;
}

export interface OpenedChain extends Chain {
  readonly contracts: Contracts;
  readonly settler: Hex;
  /** How the endpoints are doing. */
  readonly rpcStatus: () => readonly RpcStatus[];
  readonly verifyEndpoint: VerifyEndpoint;
  readonly signIn: SignIn;
  readonly finder: AccountFinder;
  readonly relay: Relay;
  readonly exits: ExitDesk;
  readonly challenges: ChallengeDesk;
  readonly reviews: ReviewDesk;
}

/** Connects to the chain. @throws {WrongChain} when an endpoint is another one's, or has no Ledger */
export async function openChain(options: ChainOptions): Promise<OpenedChain> {
  const { chainId, operatorId, log } = options;
  const pool = new RpcPool({ ...options.rpc, urls: options.rpcUrls, chainId, ledger: options.ledger, log });
  await pool.open();
  const client = rpcClient(pool.transport);
  const contracts = await findContracts(client, options.ledger);
  const settler = privateKeyToAccount(options.settlerKey);
  const market = marketReader(client, contracts);
  const changes = changeReader(client, contracts, operatorId);
  const turns = new Turns();
  const relayer = privateKeyToAccount(options.relayerKey ?? options.settlerKey);
  const isShared = relayer.address === settler.address;
  const maySettle = options.maySettle ?? (() => Promise.resolve(true));
  const sender = new TransactionSender({
    turns,
    client,
    chainId,
    settler,
    log,
    timeoutMs: options.settleTimeoutMs ?? 120_000,
    bumpAfterMs: options.bumpAfterMs ?? 30_000,
    receiptPollMs: options.receiptPollMs ?? 500,
    maxFeePerGasWei: options.maxFeePerGasWei ?? 1_000_000_000_000n,
  });
  const registry = { address: contracts.registry, abi: registryAbi } as const;
  return {
    contracts,
    settler: settler.address,
    rpcStatus: () => pool.status(),
    verifyEndpoint: (message, signature) => verifyEndpoint(client, contracts, chainId, message, signature),
    signIn: signIn(client),
    exits: exitDesk(client, contracts),
    challenges: challengeDesk(client, contracts, operatorId, sender),
    reviews: reviewDesk(client, contracts, sender, maySettle),
    finder: accountFinder(client, contracts, operatorId),
    blockNumber: () => client.getBlockNumber(),
    blockTimeSec: async () => Number((await client.getBlock({ blockTag: "latest" })).timestamp),
    operator: async () => {
      const [operator, settlerAllowed, keyOwner, settlerGasWei, claimedWei] = await Promise.all([
        client.readContract({ ...registry, functionName: "operator", args: [operatorId] }),
        client.readContract({ ...registry, functionName: "isSettler", args: [operatorId, settler.address] }),
        client.readContract({
          ...registry,
          functionName: "operatorOfReceiptKey",
          args: [options.receiptKeyAddress],
        }),
        client.getBalance({ address: settler.address }),
        client.readContract({
          address: contracts.disputes,
          abi: disputesAbi,
          functionName: "openClaims",
          args: [operatorId],
        }),
      ]);
      return {
        operatorId,
        payee: operator.payee,
        bondWei: operator.bond.bonded,
        claimedWei,
        receiptKeyKnown: keyOwner === operatorId,
        settlerAllowed,
        settlerGasWei,
      };
    },
    relay: new DepositRelay({
      client,
      contracts,
      operatorId,
      chainId,
      relayer,
      turns: isShared ? turns : new Turns(),
      mayRelay: isShared ? maySettle : () => Promise.resolve(true),
      log,
      gasPerHour: options.relayGasPerHour ?? 50_000_000n,
      minDepositWei: options.minDepositWei ?? 10n ** 18n,
      timeoutMs: options.relayTimeoutMs ?? 60_000,
      receiptPollMs: options.receiptPollMs ?? 500,
      maxFeePerGasWei: options.maxFeePerGasWei ?? 1_000_000_000_000n,
    }),
    market: () => market.read(),
    account: (accountId) => readAccount(client, contracts, accountId),
    ...batchReader(client, contracts, operatorId),
    settle: (batch) =>
      sender.send({
        what: "a batch",
        address: contracts.ledger,
        abi: settleAbi,
        functionName: "settle",
        args: [operatorId, batch],
      }),
    changes: async (fromBlock) => {
      const found = await changes.changes(fromBlock);
      if (found.reorganized) market.reset();
      return found;
    },
  };
}
