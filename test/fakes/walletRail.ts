/** An app that takes payments from one wallet, and payments for it. */
import type { TestContext } from "node:test";
import { privateKeyToAccount } from "viem/accounts";

import { recoverSigner } from "../../router/adapters/signer/receiptSigner.ts";
import { UsedNonces } from "../../router/request/usedNonces.ts";
import { ASKED_VALIDITY_SEC, type WalletRail } from "../../router/request/walletPayment.ts";
import { runApp, type RunningApp } from "./app.ts";
import { FakeFinder } from "./finder.ts";
import { answer } from "./upstream.ts";
import { fakeWorld, sampleSnapshot } from "./world.ts";

export const WALLET = privateKeyToAccount(`0x${"91".repeat(32)}`);
export const ESCROW = "0x1111111111111111111111111111111111111111";
export const PAYEE = "0x2222222222222222222222222222222222222222";
/** The wallet's account. */
export const STRICT = 12;

export async function runWalletRail(
  test: TestContext,
  balanceWei = 1_000_000n,
  world = fakeWorld(),
): Promise<RunningApp> {
  const strict = sampleSnapshot({
    accountId: STRICT,
    signer: WALLET.address,
    strict: true,
    balanceWei,
    maxAppFeePct: 10,
  });
  const wallets: WalletRail = {
    chainId: 31_337,
    escrow: ESCROW,
    payee: PAYEE,
    nonces: new UsedNonces(world.clock, []),
    finder: new FakeFinder(() => [strict]),
    load: async (accountId) => {
      if (accountId === STRICT) world.accounts.refresh(strict);
      return accountId === STRICT ? strict : undefined;
    },
    recover: recoverSigner,
  };
  const app = await runApp(test, world, { wallets });
  world.upstream.script(1, { answer: answer("Hello!", 3, 2) });
  world.upstream.script(2, { answer: answer("Hello!", 3, 2) });
  return app;
}

export interface PaymentOverrides {
  readonly from?: string;
  readonly to?: string;
  readonly value?: string;
  readonly validAfter?: string;
  readonly validBefore?: string;
  readonly asset?: string;
  readonly scheme?: string;
  readonly signer?: typeof WALLET;
  readonly signature?: string;
  readonly nonce?: string;
}

let nonces = 0;

/** A payment as an x402 client makes it, or nearly. */
export async function payment(
  amount: string,
  overrides: PaymentOverrides = {},
): Promise<Record<string, string>> {
  const nowSec = Math.floor(Date.now() / 1000);
  const authorization = {
    from: WALLET.address as string,
    to: PAYEE as string,
    value: amount,
    validAfter: "0",
    validBefore: String(nowSec + ASKED_VALIDITY_SEC),
    nonce: `0x${(++nonces).toString(16).padStart(64, "0")}`,
    ...Object.fromEntries(
      Object.entries(overrides).filter(
        ([field]) => !["asset", "scheme", "signer", "signature"].includes(field),
      ),
    ),
  };
  const { signer = WALLET, signature, asset = ESCROW, scheme = "exact" } = overrides;
  const signed = await signer.signTypedData({
    domain: { name: "AI1NET Escrow", version: "1", chainId: 31_337, verifyingContract: ESCROW },
    types: {
      TransferWithAuthorization: [
        { name: "from", type: "address" },
        { name: "to", type: "address" },
        { name: "value", type: "uint256" },
        { name: "validAfter", type: "uint256" },
        { name: "validBefore", type: "uint256" },
        { name: "nonce", type: "bytes32" },
      ],
    },
    primaryType: "TransferWithAuthorization",
    message: authorization as never,
  });
  const payload = {
    x402Version: 2,
    accepted: {
      scheme,
      network: "eip155:31337",
      asset,
      amount,
      payTo: PAYEE,
      maxTimeoutSeconds: 1,
      extra: {},
    },
    payload: { authorization, signature: signature ?? signed },
  };
  return { "payment-signature": Buffer.from(JSON.stringify(payload)).toString("base64") };
}
