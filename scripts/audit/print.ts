import { formatTokens } from "../../router/model/money.ts";
import type { AuditResult } from "./audit.ts";
import type { ReceiptResult } from "./checkReceipt.ts";
import type { Mismatch } from "./mismatch.ts";

const SHOWN = 50;

/** Numbers of wei as decimal strings, so that no reader rounds them. */
export function auditJson({
  scope,
  state,
  mismatches,
  details,
  owedWei,
  escrowBalanceWei,
}: AuditResult): string {
  const { deployment, range, blockHash } = scope;
  const { totals } = state;
  return JSON.stringify({
    rows: totals.rows,
    mismatches,
    batches: totals.batches,
    failedRows: totals.failedRows,
    accounts: state.accounts.size,
    providers: state.providers,
    operators: state.operators.size,
    amountWei: String(totals.amountWei),
    appFeesWei: String(totals.appFeesWei),
    protocolFeeWei: String(totals.protocolFeeWei),
    rebatesWei: String(totals.rebatesWei),
    shortfallWei: String(totals.shortfallWei),
    selfSettled: totals.selfSettled,
    selfSettledWei: String(totals.selfSettledWei),
    depositedWei: String(totals.depositedWei),
    grantedWei: String(totals.grantedWei),
    withdrawnWei: String(totals.withdrawnWei),
    claimedWei: String(totals.claimedWei),
    slashedWei: String(totals.slashedWei),
    refundedWei: String(totals.refundedWei),
    compensatedWei: String(totals.compensatedWei),
    reversedWei: String(totals.reversedWei),
    poolPaidWei: String(totals.poolPaidWei),
    owedWei: String(owedWei),
    escrowBalanceWei: String(escrowBalanceWei),
    solvent: escrowBalanceWei >= owedWei,
    chainId: deployment.chainId,
    ledger: deployment.ledger,
    fromBlock: range.from,
    block: range.to,
    blockHash,
    details,
  });
}

function table(lines: readonly (readonly [string, string])[]): string {
  const labels = Math.max(...lines.map(([label]) => label.length));
  const values = Math.max(...lines.map(([, value]) => value.length));
  return lines.map(([label, value]) => `  ${label.padEnd(labels)}  ${value.padStart(values)}`).join("\n");
}

const count = (value: number): string => value.toLocaleString("en-US");

function mismatchLines(details: readonly Mismatch[], mismatches = details.length): string {
  const shown = details
    .slice(0, SHOWN)
    .map(
      ({ name, where, expected, actual }) =>
        `  ${where}: ${name}\n    expected ${expected}\n    actual   ${actual}`,
    );
  if (mismatches > shown.length)
    shown.push(`  and ${count(mismatches - shown.length)} more; the first of them are in --json`);
  return shown.join("\n");
}

/** With all decimals, so that the points of several amounts stand below each other. */
function tokens(wei: bigint): string {
  const [whole = "0", fraction = ""] = formatTokens(wei).split(".");
  return `${whole}.${fraction.padEnd(18, "0")}`;
}

/** The outcome for people. */
export function auditText(result: AuditResult): string {
  const { scope, state, mismatches, details, owedWei, escrowBalanceWei } = result;
  const { deployment, range } = scope;
  const { totals } = state;
  const summary = table([
    ["batches", count(totals.batches)],
    ["rows", count(totals.rows)],
    ["failed rows", count(totals.failedRows)],
    ["accounts", count(state.accounts.size)],
    ["providers", count(state.providers)],
    ["operators", count(state.operators.size)],
  ]);
  const money = table([
    ["price of all rows", tokens(totals.amountWei)],
    ["unpaid of it", tokens(totals.shortfallWei)],
    ["protocol fee", tokens(totals.protocolFeeWei)],
    ["rebates out of it", tokens(totals.rebatesWei)],
    ["app fees on top", tokens(totals.appFeesWei)],
    ["self-settled", tokens(totals.selfSettledWei)],
    ["deposited", tokens(totals.depositedWei)],
    ["granted as credits", tokens(totals.grantedWei)],
    ["withdrawn", tokens(totals.withdrawnWei)],
    ["claimed", tokens(totals.claimedWei)],
    ["slashed from bonds", tokens(totals.slashedWei)],
    ["refunded from them", tokens(totals.refundedWei)],
    ["compensated from them", tokens(totals.compensatedWei)],
    ["reversed by challenges", tokens(totals.reversedWei)],
    ["paid from pools", tokens(totals.poolPaidWei)],
    ["owed by the Escrow", tokens(owedWei)],
    ["held by the Escrow", tokens(escrowBalanceWei)],
  ]);
  const verdict =
    mismatches === 0
      ? `${count(totals.rows)} rows, 0 mismatches: the chain is what its batches and price lists say.`
      : `${count(totals.rows)} rows, ${count(mismatches)} mismatches:\n${mismatchLines(details, mismatches)}`;
  return [
    `Ledger ${deployment.ledger} on chain ${deployment.chainId}, blocks ${count(range.from)} to ${count(range.to)}`,
    summary,
    "in $AI1NET",
    money,
    verdict,
  ].join("\n\n");
}

export function receiptVerdict({ where, details }: ReceiptResult): "settled" | "not settled" | "refuted" {
  if (details.length > 0) return "refuted";
  return where === undefined ? "not settled" : "settled";
}

export function receiptJson(result: ReceiptResult): string {
  const { id, signer, where, details } = result;
  return JSON.stringify({
    receipt: id,
    verdict: receiptVerdict(result),
    signer,
    where: where ?? null,
    mismatches: details.length,
    details,
  });
}

export function receiptText(result: ReceiptResult): string {
  const { id, signer, where, details } = result;
  const verdict = {
    settled: `settled as signed, in ${where}.`,
    "not settled": "well signed, and not settled yet.",
    refuted: `the chain says otherwise.\n${mismatchLines(details)}`,
  }[receiptVerdict(result)];
  return `Receipt ${id}, signed by ${signer}: ${verdict}`;
}
