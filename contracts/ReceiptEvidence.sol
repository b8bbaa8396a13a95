// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IReceiptEvidence} from "./interfaces/IReceiptEvidence.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {IRowPayments} from "./interfaces/IRowPayments.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @notice Reads receipts: who signed one, and what it is worth.
abstract contract ReceiptEvidence is IReceiptEvidence {
    uint256 internal constant BPS = 10_000;

    /// @inheritdoc IReceiptEvidence
    address public immutable registry;
    /// @inheritdoc IReceiptEvidence
    address public immutable escrow;
    /// @inheritdoc IReceiptEvidence
    address public immutable ledger;
    IRowPayments internal immutable _rowPayments;
    uint256 internal immutable _challengeWindow;
    uint256 private immutable _grace;

    constructor(address registry_, address escrow_, address ledger_, IRowPayments rowPayments_) {
        registry = registry_;
        escrow = escrow_;
        ledger = ledger_;
        _rowPayments = rowPayments_;
        _challengeWindow = IEscrow(escrow_).challengeWindow();
        _grace = IRegistry(registry_).grace();
    }

    /// @dev The digest of a receipt that a receipt key of its operator signed. Receipts of another chain or Ledger have
    /// another digest, which recovers to nobody known.
    function _requireSigned(
        ILedger.Receipt calldata receipt,
        bytes calldata signature
    ) internal view returns (bytes32 digest) {
        digest = ILedger(ledger).hashReceipt(receipt);
        address signer = Signatures.recover(digest, signature);
        require(
            signer != address(0) &&
                receipt.operatorId != 0 &&
                IRegistry(registry).operatorOfReceiptKey(signer) == receipt.operatorId,
            Receipt_NotSigned(digest, signer)
        );
    }

    function _isBillable(IRegistry.Offer memory offer, uint40 servedAt) internal view returns (bool) {
        return offer.createdAt != 0 && offer.createdAt <= servedAt && servedAt <= offer.retiresAt + _grace;
    }

    /// @dev What a receipt is worth: what it says, and no more than its offer's list.
    function _priceDown(
        ILedger.Receipt calldata receipt,
        IRegistry.Offer memory offer
    ) internal pure returns (uint256) {
        if (receipt.timing == 0) return 0;
        uint256 listed =
            uint256(receipt.inputUnits) * offer.inputPrice +
                uint256(receipt.outputUnits) * offer.outputPrice +
                offer.requestPrice;
        return Math.min(receipt.amount, listed);
    }

    /// @dev What a provider would have been credited: the protocol's fee never comes from a bond. `amount` is at most a
    /// receipt's.
    function _netOfFee(uint256 amount, uint40 servedAt) internal view returns (uint96) {
        if (amount == 0) return 0;
        return uint96(amount - (amount * ILedger(ledger).protocolFeeBps(servedAt)) / BPS);
    }
}
