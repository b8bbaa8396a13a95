/** The Ignition module deploys what `npm run deploy` deploys, and leaves the deployer with nothing. */
import { expect } from "chai";
import { network } from "hardhat";
import ai1net, { parametersOf } from "../../ignition/modules/AI1NET.ts";
import { checkWiring, contractsOf } from "../../scripts/deploy/deploy.ts";
import { PRODUCTION_WINDOWS } from "../../scripts/deploy/windows.ts";

const { ethers, ignition } = await network.create();
const ROLES = ["DEFAULT_ADMIN_ROLE", "PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE"] as const;

describe("The Ignition module", () => {
  it("refuses to deploy where it would end up elsewhere than foreseen", async () => {
    const [deployer] = await ethers.getSigners();
    if (!deployer) throw new Error("too few signers");
    const nobody = ethers.ZeroAddress;
    const decisions = {
      holder: deployer.address,
      guardian: nobody,
      reporter: nobody,
      windows: PRODUCTION_WINDOWS,
      minOperatorBondWei: 10n ** 23n,
      minProviderStakeWei: 10n ** 21n,
      protocolFeeBps: 500,
      operatorShareBps: 4_000,
      rebateShareBps: 1_000,
      penaltyWei: 10n ** 21n,
    };
    const lock = { delaySec: 0, proposers: [deployer.address], executors: [nobody] };
    const parameters = parametersOf(decisions, lock, deployer.address, (await deployer.getNonce()) + 1);
    const failure: unknown = await ignition.deploy(ai1net, { parameters }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
  });

  it("deploys and wires all contracts behind a timelock, and no privileged key is left with the deployer", async () => {
    const [deployer, holder, proposer, guardian, reporter] = await ethers.getSigners();
    if (!deployer || !holder || !proposer || !guardian || !reporter) throw new Error("too few signers");
    const decisions = {
      holder: holder.address,
      guardian: guardian.address,
      reporter: reporter.address,
      windows: PRODUCTION_WINDOWS,
      minOperatorBondWei: 10n ** 23n,
      minProviderStakeWei: 10n ** 21n,
      protocolFeeBps: 500,
      operatorShareBps: 4_000,
      rebateShareBps: 1_000,
      penaltyWei: 10n ** 21n,
    };
    const lock = { delaySec: 172_800, proposers: [proposer.address], executors: [ethers.ZeroAddress] };
    const parameters = parametersOf(decisions, lock, deployer.address, await deployer.getNonce());
    const { timelock, ...contracts } = await ignition.deploy(ai1net, { parameters });

    const addresses: Record<string, string> = {};
    for (const [name, contract] of Object.entries(contracts)) addresses[name] = await contract.getAddress();
    const owner = await timelock.getAddress();
    const disputes = await ethers.getContractAt("Disputes", addresses["Disputes"] ?? "");
    const deployment = { ...addresses, Challenges: await disputes.challenges() } as Parameters<
      typeof checkWiring
    >[0];
    await checkWiring(deployment, { ...decisions, owner, deployer });

    const controller = await ethers.getContractAt(
      [
        "function hasRole(bytes32,address) view returns (bool)",
        "function getMinDelay() view returns (uint256)",
      ],
      owner,
    );
    for (const role of ROLES) {
      const id = role === "DEFAULT_ADMIN_ROLE" ? ethers.ZeroHash : ethers.id(role);
      expect(await controller.getFunction("hasRole")(id, deployer.address), role).to.equal(false);
    }
    expect(await controller.getFunction("getMinDelay")()).to.equal(172_800n);
    const { token, registry, ledger, rewards } = contractsOf(deployment, deployer);
    for (const owned of [registry, ledger, rewards]) {
      expect(await owned.owner()).to.equal(owner);
      expect(await owned.pendingOwner()).to.equal(ethers.ZeroAddress);
    }
    expect(await token.balanceOf(deployer)).to.equal(0n);
    expect(await token.balanceOf(holder)).to.equal(await token.totalSupply());
  });
});
