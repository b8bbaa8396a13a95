import type { Catalog } from "../market/catalog.ts";
import type { Opinions } from "../market/opinions.ts";
import type { Hex } from "../model/bytes.ts";
import type { Wei } from "../model/money.ts";
import type {
  AccountFinder,
  Chain,
  ExitDesk,
  ProveRow,
  RefuseEndpoint,
  Relay,
  ReviewDesk,
  Store,
  TraceRequest,
  VerifyEndpoint,
} from "../ports.ts";
import type { WalletRail } from "../request/walletPayment.ts";
import type { World } from "../request/world.ts";
import type { CorsOrigins } from "./cors.ts";
import type { Gate } from "./gate.ts";
import type { Sessions } from "./sessions.ts";

/** Where this router's money is. */
export interface Network {
  readonly chainId: number;
  readonly operatorId: number;
  /** Whom the operator has itself paid. */
  readonly payee: Hex;
  readonly contracts: {
    readonly ledger: Hex;
    readonly registry: Hex;
    readonly escrow: Hex;
    readonly token: Hex;
    readonly disputes: Hex;
    readonly challenges: Hex;
    readonly reviews: Hex;
  };
  readonly minDepositWei: Wei;
}

/** Everything that the app is built of. */
export interface AppDeps {
  /** What serving needs; its `market` is `catalog`. */
  readonly world: World;
  readonly catalog: Catalog;
  readonly store: Store;
  readonly chain: Pick<Chain, "account">;
  readonly finder: AccountFinder;
  readonly sessions: Sessions;
  readonly relay: Relay;
  readonly exits: ExitDesk;
  readonly opinions: Opinions;
  readonly reviews: Pick<ReviewDesk, "relay">;
  readonly network: Network;
  /** Takes payments from wallets; undefined: API keys only. */
  readonly wallets: WalletRail | undefined;
  readonly operatorId: number;
  readonly adminToken: string;
  /** Sites whose pages may use the API. */
  readonly corsOrigins: CorsOrigins;
  readonly proveRow: ProveRow;
  readonly verifyEndpoint: VerifyEndpoint;
  readonly refuseEndpoint: RefuseEndpoint;
  /** Reads the market from the chain into the catalog. Should do so once for many who ask at the same time. */
  readonly refreshMarket: () => Promise<void>;
  /** Figures for `/metrics`; prom-client's registry is one of these. */
  readonly registry: { readonly contentType: string; metrics(): Promise<string> };
  readonly gate: Gate;
  /** Undefined: nobody collects traces. */
  readonly trace?: TraceRequest | undefined;
  /** Why the router can't serve, apart from journal and gate; empty when it can. */
  readonly problems: () => readonly string[];
}
