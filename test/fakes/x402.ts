/** Stock x402 clients, as their documentation sets them up. */
import { x402Client } from "@x402/core/client";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapFetchWithPayment } from "@x402/fetch";
import type { PrivateKeyAccount } from "viem/accounts";

import { parseTokens } from "../../router/model/money.ts";

/** @param assets what the wallet may pay in: the client refuses everything else */
export function stockClient(
  account: PrivateKeyAccount,
  assets: readonly string[],
  chainId = 31_337,
): x402Client {
  const allowedAssets = assets.map((asset) => ({
    network: `eip155:${chainId}` as const,
    asset,
    maxAmountPerPayment: parseTokens("100").toString(),
  }));
  return new x402Client()
    .register("eip155:*", new ExactEvmScheme(account))
    .setSpendControls({ allowedAssets });
}

export function payingFetch(
  account: PrivateKeyAccount,
  assets: readonly string[],
  inner: typeof fetch = fetch,
): typeof fetch {
  return wrapFetchWithPayment(inner, stockClient(account, assets)) as typeof fetch;
}
