import { expect } from "chai";

import { ethers, loadFixture, networkHelpers, saltOf, time, tokens } from "./fixtures/chain.ts";
import { signAuthorization, signCancel, signPermit, type Authorization } from "./fixtures/sign.ts";

const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const transferPacked =
  "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)" as const;
const transferSplit =
  "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)" as const;
const receivePacked =
  "receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)" as const;
const receiveSplit =
  "receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)" as const;

async function deployToken() {
  const [holder, payee, relayer] = await ethers.getSigners();
  if (holder === undefined || payee === undefined || relayer === undefined) throw new Error("no signers");
  const token = await ethers.deployContract("AI1NET", [holder.address]);
  const now = await time.latest();
  const authorization: Authorization = {
    from: holder.address,
    to: payee.address,
    value: tokens(5),
    validAfter: now - 10,
    validBefore: now + 1_000,
    nonce: saltOf("first"),
  };
  return { token, holder, payee, relayer, authorization };
}

function fields(a: Authorization) {
  return [a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce] as const;
}

function split(signature: string) {
  const { v, r, s } = ethers.Signature.from(signature);
  return [v, r, s] as const;
}

/** The other signature of the same key over the same digest: valid to a plain `ecrecover`. */
function highS(signature: string): { v: number; r: string; s: string; packed: string } {
  const { v, r, s } = ethers.Signature.from(signature);
  const flipped = { v: v === 27 ? 28 : 27, r, s: ethers.toBeHex(SECP256K1_ORDER - BigInt(s), 32) };
  return { ...flipped, packed: ethers.concat([r, flipped.s, ethers.toBeHex(flipped.v)]) };
}

describe("AI1NET", () => {
  describe("supply", () => {
    it("gives the whole cap to the holder, and nobody can mint (I-11)", async () => {
      const { token, holder } = await loadFixture(deployToken);
      expect(await token.totalSupply()).to.equal(10n ** 27n);
      expect(await token.balanceOf(holder)).to.equal(10n ** 27n);
      expect(await token.decimals()).to.equal(18);
      token.interface.forEachFunction(({ name }) => {
        expect(name).not.to.match(/mint|pause|upgrade|ownership/i);
      });
    });
  });

  describe("domain", () => {
    it("is AI1NET, version 1", async () => {
      const { token } = await loadFixture(deployToken);
      const { name, version } = await token.eip712Domain();
      expect([name, version, await token.name(), await token.version()]).to.deep.equal([
        "AI1NET",
        "1",
        "AI1NET",
        "1",
      ]);
    });
  });

  describe("permit", () => {
    it("sets an allowance by signature and moves the nonce on", async () => {
      const { token, holder, payee, authorization } = await loadFixture(deployToken);
      const { v, r, s } = await signPermit(token, holder, payee, 7n, authorization.validBefore);
      await token.permit(holder, payee, 7n, authorization.validBefore, v, r, s);
      expect(await token.allowance(holder, payee)).to.equal(7n);
      expect(await token.nonces(holder)).to.equal(1n);
    });
  });

  for (const [type, packed, splitted] of [
    ["TransferWithAuthorization", transferPacked, transferSplit],
    ["ReceiveWithAuthorization", receivePacked, receiveSplit],
  ] as const) {
    const other =
      type === "TransferWithAuthorization" ? "ReceiveWithAuthorization" : "TransferWithAuthorization";

    describe(type, () => {
      it("moves the value by a packed signature, once", async () => {
        const { token, holder, payee, authorization } = await loadFixture(deployToken);
        const signature = await signAuthorization(token, holder, type, authorization);
        expect(await token.authorizationState(holder, authorization.nonce)).to.equal(false);
        await expect(token.connect(payee)[packed](...fields(authorization), signature))
          .to.emit(token, "AuthorizationUsed")
          .withArgs(holder.address, authorization.nonce);
        expect(await token.balanceOf(payee)).to.equal(authorization.value);
        expect(await token.authorizationState(holder, authorization.nonce)).to.equal(true);
        await expect(token.connect(payee)[packed](...fields(authorization), signature))
          .to.be.revertedWithCustomError(token, "AI1NET_AuthorizationUsed")
          .withArgs(holder.address, authorization.nonce);
      });

      it("moves the value by a split signature, once", async () => {
        const { token, holder, payee, authorization } = await loadFixture(deployToken);
        const signature = await signAuthorization(token, holder, type, authorization);
        await token.connect(payee)[splitted](...fields(authorization), ...split(signature));
        expect(await token.balanceOf(payee)).to.equal(authorization.value);
        await expect(
          token.connect(payee)[splitted](...fields(authorization), ...split(signature)),
        ).to.be.revertedWithCustomError(token, "AI1NET_AuthorizationUsed");
      });

      it("refuses a bent field, the other type's signature, high s and garbage", async () => {
        const { token, holder, payee, relayer, authorization } = await loadFixture(deployToken);
        const signature = await signAuthorization(token, holder, type, authorization);
        const bent = { ...authorization, value: authorization.value + 1n };
        const flipped = highS(signature);
        const others = await signAuthorization(token, holder, other, authorization);
        const strangers = await signAuthorization(token, relayer, type, authorization);
        const asPayee = token.connect(payee);
        const attempts = [
          () => asPayee[packed](...fields(bent), signature),
          () => asPayee[splitted](...fields(bent), ...split(signature)),
          () => asPayee[packed](...fields(authorization), others),
          () => asPayee[packed](...fields(authorization), strangers),
          () => asPayee[packed](...fields(authorization), flipped.packed),
          () => asPayee[splitted](...fields(authorization), flipped.v, flipped.r, flipped.s),
          () => asPayee[packed](...fields(authorization), "0x"),
          () => asPayee[splitted](...fields(authorization), 0, ethers.ZeroHash, ethers.ZeroHash),
        ];
        for (const attempt of attempts) {
          await expect(attempt())
            .to.be.revertedWithCustomError(token, "AI1NET_InvalidSignature")
            .withArgs(holder.address);
        }
      });

      it("never takes the zero address for a signer", async () => {
        const { token, payee, authorization } = await loadFixture(deployToken);
        const nobodys = { ...authorization, from: ethers.ZeroAddress, value: 0n };
        await expect(
          token.connect(payee)[splitted](...fields(nobodys), 27, ethers.ZeroHash, ethers.ZeroHash),
        ).to.be.revertedWithCustomError(token, "AI1NET_InvalidSignature");
      });

      it("keeps both ends of its validity out", async () => {
        const { token, holder, payee, authorization } = await loadFixture(deployToken);
        const at = (await time.latest()) + 100;
        const early = { ...authorization, validAfter: at };
        const late = { ...authorization, validBefore: at };
        const earlySignature = await signAuthorization(token, holder, type, early);
        const lateSignature = await signAuthorization(token, holder, type, late);

        await time.setNextBlockTimestamp(at);
        await expect(token.connect(payee)[packed](...fields(early), earlySignature))
          .to.be.revertedWithCustomError(token, "AI1NET_AuthorizationNotYetValid")
          .withArgs(at, at);
        await time.setNextBlockTimestamp(at + 1);
        await expect(token.connect(payee)[packed](...fields(late), lateSignature))
          .to.be.revertedWithCustomError(token, "AI1NET_AuthorizationExpired")
          .withArgs(at, at + 1);
        await token.connect(payee)[packed](...fields(early), earlySignature);
      });

      it("accepts a contract wallet through ERC-1271 in the packed form only", async () => {
        const { token, holder, payee, relayer, authorization } = await loadFixture(deployToken);
        const wallet = await ethers.deployContract("TestWallet", [relayer.address]);
        await token.connect(holder).transfer(wallet, tokens(10));
        const fromWallet = { ...authorization, from: await wallet.getAddress() };
        const signature = await signAuthorization(token, relayer, type, fromWallet);
        await expect(
          token.connect(payee)[splitted](...fields(fromWallet), ...split(signature)),
        ).to.be.revertedWithCustomError(token, "AI1NET_InvalidSignature");
        const strangers = await signAuthorization(token, holder, type, fromWallet);
        await expect(
          token.connect(payee)[packed](...fields(fromWallet), strangers),
        ).to.be.revertedWithCustomError(token, "AI1NET_InvalidSignature");
        await token.connect(payee)[packed](...fields(fromWallet), signature);
        expect(await token.balanceOf(payee)).to.equal(authorization.value);
      });

      it("accepts the key of an account that has code (EIP-7702)", async () => {
        const { token, holder, payee, authorization } = await loadFixture(deployToken);
        await networkHelpers.setCode(holder.address, "0x00");
        const signature = await signAuthorization(token, holder, type, authorization);
        await token.connect(payee)[packed](...fields(authorization), signature);
        expect(await token.balanceOf(payee)).to.equal(authorization.value);
      });
    });
  }

  describe("transferWithAuthorization", () => {
    it("may be submitted by anyone", async () => {
      const { token, holder, payee, relayer, authorization } = await loadFixture(deployToken);
      const signature = await signAuthorization(token, holder, "TransferWithAuthorization", authorization);
      await token.connect(relayer)[transferPacked](...fields(authorization), signature);
      expect(await token.balanceOf(payee)).to.equal(authorization.value);
    });
  });

  describe("receiveWithAuthorization", () => {
    it("is refused to anyone but the payee", async () => {
      const { token, holder, payee, relayer, authorization } = await loadFixture(deployToken);
      const signature = await signAuthorization(token, holder, "ReceiveWithAuthorization", authorization);
      for (const attempt of [
        () => token.connect(relayer)[receivePacked](...fields(authorization), signature),
        () => token.connect(relayer)[receiveSplit](...fields(authorization), ...split(signature)),
      ]) {
        await expect(attempt())
          .to.be.revertedWithCustomError(token, "AI1NET_CallerNotPayee")
          .withArgs(relayer.address, payee.address);
      }
    });
  });

  describe("cancelAuthorization", () => {
    it("makes a nonce unusable, and cannot cancel it twice", async () => {
      const { token, holder, payee, relayer, authorization } = await loadFixture(deployToken);
      const cancel = await signCancel(token, holder, holder.address, authorization.nonce);
      await expect(token.connect(relayer).cancelAuthorization(holder, authorization.nonce, cancel))
        .to.emit(token, "AuthorizationCanceled")
        .withArgs(holder.address, authorization.nonce);
      const signature = await signAuthorization(token, holder, "TransferWithAuthorization", authorization);
      await expect(
        token.connect(payee)[transferPacked](...fields(authorization), signature),
      ).to.be.revertedWithCustomError(token, "AI1NET_AuthorizationUsed");
      await expect(
        token.cancelAuthorization(holder, authorization.nonce, cancel),
      ).to.be.revertedWithCustomError(token, "AI1NET_AuthorizationUsed");
    });

    it("is refused with somebody else's signature", async () => {
      const { token, holder, relayer, authorization } = await loadFixture(deployToken);
      const cancel = await signCancel(token, relayer, holder.address, authorization.nonce);
      await expect(token.cancelAuthorization(holder, authorization.nonce, cancel))
        .to.be.revertedWithCustomError(token, "AI1NET_InvalidSignature")
        .withArgs(holder.address);
    });
  });
});
