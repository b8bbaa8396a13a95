import type { AccountSnapshot } from "../model/account.ts";
import { formatTokens, type Wei } from "../model/money.ts";

const amount = (wei: Wei): string => formatTokens(wei > 0n ? wei : 0n);

/** An account as its owner sees it. Amounts in $AI1NET. */
export function accountJson(account: AccountSnapshot) {
  return {
    account_id: account.accountId,
    operator_id: account.operatorId,
    owner: account.owner,
    signer: account.signer,
    strict: account.strict,
    max_app_fee_pct: account.maxAppFeePct,
    balance: amount(account.balanceWei),
    balance_wei: account.balanceWei.toString(),
    credits: amount(account.creditsWei),
    exiting: amount(account.exitWei),
    next_seq: account.nextSeq,
    block_number: account.blockNumber.toString(),
  };
}
