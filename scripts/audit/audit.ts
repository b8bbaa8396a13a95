import type { PublicClient } from "viem";
import type { Hex } from "../../router/model/bytes.ts";
import { AuditError } from "./auditError.ts";
import { compareState, type Solvency } from "./compareState.ts";
import { findDeployment, firstBlock, type Deployment } from "./deployment.ts";
import type { Mismatch, Report } from "./mismatch.ts";
import { readEvents, type BlockRange } from "./readEvents.ts";
import { replayEvent } from "./replay.ts";
import type { Replay } from "./replayBatch.ts";
import { emptyState, type State } from "./state.ts";
import { viemChainState } from "./viemChainState.ts";

/** Mismatches beyond these are counted, not kept. */
const MAX_DETAILS = 1_000;

export interface AuditOptions {
  readonly ledger: Hex;
  /** Where events begin; by default where the contracts do. */
  readonly fromBlock?: number;
  /** The block that is audited; by default the latest. */
  readonly block?: number;
  /** Told of how far the events are read. */
  readonly onProgress?: (upTo: number, range: BlockRange, state: State) => void;
}

/** A deployment pinned to one block, and where its events are. */
export interface Scope {
  readonly deployment: Deployment;
  readonly blockHash: Hex;
  readonly range: BlockRange;
}

export interface AuditResult extends Solvency {
  readonly scope: Scope;
  readonly state: State;
  readonly mismatches: number;
  /** The first of them. */
  readonly details: readonly Mismatch[];
}

/** Finds what is to be audited, and pins it to one block. */
export async function pinScope(client: PublicClient, options: AuditOptions): Promise<Scope> {
  const { ledger, fromBlock, block } = options;
  const pinned = await client.getBlock(
    block === undefined ? { blockTag: "latest" } : { blockNumber: BigInt(block) },
  );
  const deployment = await findDeployment(client, ledger, pinned.number);
  const from = fromBlock ?? (await firstBlock(client, deployment, pinned.number));
  return { deployment, blockHash: pinned.hash, range: { from, to: Number(pinned.number) } };
}

/** Replays every event of `scope` in order. */
export async function replayChain(
  client: PublicClient,
  { deployment, range }: Scope,
  replay: Replay,
  onProgress: AuditOptions["onProgress"],
): Promise<void> {
  const told = (upTo: number): void => onProgress?.(upTo, range, replay.state);
  for await (const event of readEvents(client, deployment, range, told)) replayEvent(replay, event);
}

/** @throws {AuditError} when the chain was reorganized under the audit */
export async function checkStillThere(client: PublicClient, { blockHash, range }: Scope): Promise<void> {
  const { hash } = await client.getBlock({ blockNumber: BigInt(range.to) });
  if (hash !== blockHash)
    throw new AuditError(
      `Block ${range.to} was replaced during the audit: run it again, or name an older block with --block.`,
    );
}

/** Recomputes everything and compares it with the chain. @throws {AuditError} when that is not possible */
export async function audit(client: PublicClient, options: AuditOptions): Promise<AuditResult> {
  const scope = await pinScope(client, options);
  const state = emptyState();
  const details: Mismatch[] = [];
  let mismatches = 0;
  const report: Report = (mismatch) => {
    mismatches++;
    if (details.length < MAX_DETAILS) details.push(mismatch);
  };
  await replayChain(client, scope, { state, rules: scope.deployment.rules, report }, options.onProgress);
  const chain = viemChainState(client, scope.deployment, BigInt(scope.range.to));
  const solvency = await compareState(state, chain, report);
  await checkStillThere(client, scope);
  return { ...solvency, scope, state, mismatches, details };
}
