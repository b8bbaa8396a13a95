// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {BoundedPause} from "./BoundedPause.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {BatchFormat} from "./libraries/BatchFormat.sol";
import {GroupTree} from "./libraries/GroupTree.sol";
import {ListingMetrics} from "./libraries/ListingMetrics.sol";
import {OfferTable} from "./libraries/OfferTable.sol";
import {ReceiptHash} from "./libraries/ReceiptHash.sol";
import {SelfSettled} from "./libraries/SelfSettled.sol";
import {Words} from "./libraries/Words.sol";
import {Windows, WindowsLib} from "./libraries/Windows.sol";

/// @title Ledger
/// @notice Settles batches: decodes, prices, has the Escrow move the money, measures and commits.
contract Ledger is ILedger, Ownable2Step, EIP712, BoundedPause {
    using BatchFormat for BatchFormat.Header;
    using ListingMetrics for Metrics;
    using OfferTable for OfferTable.Entry;
    using OfferTable for OfferTable.Entry[];
    using Words for uint256[];
    using GroupTree for uint256[];

    /// @dev What a batch adds up to, in wei.
    struct Totals {
        uint256 rows; // no wei: a count
        uint256 amount; // what the rows cost
        uint256 unpaid; // of `amount`
        uint256 appFees; // paid on top of `amount`
        uint256 protocolFee; // out of what was paid of `amount`
        uint256 rebates; // out of `protocolFee`, back to accounts as credits
        uint256 feeBps; // no wei: the protocol fee of the time of service
    }

    /// @dev What each app of a batch got, by its index in the table, in wei.
    struct AppTotals {
        uint256[] fees; // its own fees
        uint256[] paid; // what its requests paid, without them
    }

    /// @dev A share of the protocol fee that goes back to payers, and the epoch from which on it does.
    struct RebateShare {
        uint40 fromEpoch;
        uint16 shareBps;
    }

    /// @dev A protocol fee and the time of service from which on it applies.
    struct FeeChange {
        uint40 effectiveAt; // unix s
        uint16 feeBps;
    }

    /// @dev Which of an operator's batches can still be challenged, beside the number of the next: one slot, written once
    /// per batch in any case.
    struct Batches {
        // slot 0
        uint32 next;
        uint32 current; // first batch of `bucket`
        uint32 previous; // first batch of the bucket before; `current` if that had none
        uint40 bucket; // block.timestamp / challengeWindow, at the last batch
        bool hasSelfSettled; // a provider of its settled a receipt itself: rows may have to be skipped
    }

    // -------------------------------------------------------------- constants

    uint256 public constant MAX_SPAN = 1 hours;
    uint256 public constant MAX_ROWS = BatchFormat.MAX_ROWS;
    /// @notice The token's supply, in wei: a batch that costs more is an error, and no amount overflows its field.
    uint256 public constant MAX_AMOUNT = 1_000_000_000 ether;
    uint16 public constant MAX_PROTOCOL_FEE_BPS = 1_000;
    uint16 public constant MAX_OPERATOR_SHARE_BPS = 5_000;
    uint16 public constant MAX_REBATE_SHARE_BPS = 2_000;
    uint256 public constant FEE_NOTICE = 1 days;
    uint256 private constant BPS = 10_000;

    // ---------------------------------------------------------------- storage

    /// @inheritdoc ILedger
    address public immutable registry;
    /// @inheritdoc ILedger
    address public immutable escrow;
    /// @inheritdoc ILedger
    uint256 public immutable epochLength;
    /// @inheritdoc ILedger
    uint16 public immutable operatorShareBps;
    /// @inheritdoc ILedger
    uint32 public immutable challengeWindow;

    mapping(uint24 operatorId => Batches) private _batches;
    /// @inheritdoc ILedger
    mapping(uint24 operatorId => mapping(uint32 batchNo => bytes32)) public commitmentOf;
    mapping(uint256 epoch => mapping(uint24 operatorId => mapping(uint32 listingId => Metrics))) private _metrics;
    /// @inheritdoc ILedger
    mapping(uint256 epoch => mapping(uint24 operatorId => mapping(uint32 appId => uint128))) public appFees;
    /// @dev Every rebate share ever, ascending by epoch, since rewards ask for past ones.
    RebateShare[] private _rebateShares;
    /// @dev Every protocol fee ever, ascending by time, since a batch may settle late.
    FeeChange[] private _feeChanges;

    constructor(
        address registry_,
        address escrow_,
        Windows memory windows,
        uint16 protocolFeeBps_,
        uint16 operatorShareBps_,
        uint16 rebateShareBps_,
        address owner_,
        address guardian_
    ) Ownable(owner_) EIP712("AI1NET Ledger", "1") BoundedPause(guardian_, windows) {
        WindowsLib.check(windows);
        _requireFee(protocolFeeBps_, MAX_PROTOCOL_FEE_BPS);
        _requireFee(operatorShareBps_, MAX_OPERATOR_SHARE_BPS);
        _requireFee(rebateShareBps_, MAX_REBATE_SHARE_BPS);
        registry = registry_;
        escrow = escrow_;
        epochLength = windows.epoch;
        challengeWindow = windows.challenge;
        operatorShareBps = operatorShareBps_;
        _feeChanges.push(FeeChange({effectiveAt: 0, feeBps: protocolFeeBps_}));
        emit ProtocolFeeScheduled(protocolFeeBps_, 0);
        _rebateShares.push(RebateShare({fromEpoch: 0, shareBps: rebateShareBps_}));
        emit RebateShareScheduled(rebateShareBps_, 0);
    }

    modifier onlyDisputes() {
        address disputes = IRegistry(registry).disputes();
        require(msg.sender == disputes, Ledger_NotDisputes(msg.sender, disputes));
        _;
    }

    // ----------------------------------------------------------------- settle

    /// @inheritdoc ILedger
    function settle(uint24 operatorId, bytes calldata batch) external whenNotPaused {
        BatchFormat.Header memory header = BatchFormat.readHeader(batch);
        bool skips = _beginBatch(operatorId, header);
        uint256[] memory billing = IRegistry(registry).billing(
            operatorId,
            msg.sender,
            header.servedFrom,
            header.servedTo,
            header.nOffers,
            batch[BatchFormat.HEADER_BYTES:header.tablesEnd()]
        );

        Totals memory totals;
        totals.feeBps = protocolFeeBps(header.servedFrom);
        OfferTable.Entry[] memory offers = OfferTable.load(billing, header.nOffers);
        uint256[] memory groups = _price(batch, header, offers, billing, totals, skips);
        uint256[] memory debits;
        (debits, totals.rebates) = IEscrow(escrow).debit(operatorId, groups, _rebates(header, totals));
        (bytes32 groupRoot, AppTotals memory apps) = _attribute(
            operatorId,
            batch,
            header,
            offers,
            groups,
            debits,
            totals
        );
        _distribute(operatorId, batch, header, offers, apps, totals);
        _commit(operatorId, header, keccak256(batch[:header.tablesEnd()]), groupRoot, totals);
        if (totals.unpaid != 0) _recordShortfalls(operatorId, offers, totals);
    }

    /// @dev Takes the next batch number: the same bytes never settle twice.
    /// @return skips whether rows of this operator were self-settled
    function _beginBatch(uint24 operatorId, BatchFormat.Header memory header) private returns (bool skips) {
        Batches memory batches = _batches[operatorId];
        uint32 expected = batches.next;
        require(header.batchNo == expected, Ledger_BadBatchNo(header.batchNo, expected));
        (uint40 from, uint40 to) = (header.servedFrom, header.servedTo);
        require(
            from <= to && to - from <= MAX_SPAN && to <= block.timestamp,
            Ledger_BadSpan(from, to, block.timestamp)
        );
        uint40 bucket = _bucket();
        if (batches.bucket != bucket) {
            batches.previous = bucket == batches.bucket + 1 ? batches.current : expected;
            batches.current = expected;
            batches.bucket = bucket;
        }
        batches.next = expected + 1;
        _batches[operatorId] = batches;
        return batches.hasSelfSettled;
    }

    /// @dev Prices every row into `offers` and `totals`, and gives what Escrow.debit takes: a word per group.
    function _price(
        bytes calldata batch,
        BatchFormat.Header memory header,
        OfferTable.Entry[] memory offers,
        uint256[] memory billing,
        Totals memory totals,
        bool skips
    ) private view returns (uint256[] memory groups) {
        totals.rows = header.rowsIn(batch.length);
        require(totals.rows <= MAX_ROWS, Ledger_TooManyRows(totals.rows, MAX_ROWS));
        groups = new uint256[](header.nGroups);
        uint256 offset = header.tablesEnd();
        uint256 total;
        // Unchecked: an offset grows by less than 2^20 a group, and amounts stay below 2^112 (see OfferTable).
        unchecked {
            for (uint256 i; i < header.nGroups; ++i) {
                (uint32 accountId, uint256 appIndex, uint256 count) = BatchFormat.readGroupHead(batch, offset);
                uint256 end = offset + BatchFormat.groupLength(count);
                require(end <= batch.length, Ledger_Truncated(batch.length, end));
                require(count != 0, Ledger_EmptyGroup(i));
                require(appIndex < header.nApps, Ledger_BadAppIndex(i, appIndex));

                uint256 sum = offers.addRows(batch, offset + BatchFormat.GROUP_HEAD_BYTES, end, i);
                if (skips) sum -= _takeOutSelfSettled(offers, BatchFormat.groupAt(batch, offset, count), groups, i);
                uint256 amount = OfferTable.amount(sum);
                total += amount;
                uint256 appFeeBps = billing.get(2 * header.nOffers + appIndex);
                groups.set(i, (uint256(accountId) << 224) | (count << 208) | (appFeeBps << 192) | amount);
                offset = end;
            }
        }
        require(offset == batch.length, Ledger_TrailingBytes(batch.length, offset));
        totals.amount = total;
        require(total <= MAX_AMOUNT, Ledger_AmountTooHigh(total, MAX_AMOUNT));
    }

    /// @dev Takes the rows of group `i` that a provider settled itself out of the table again, and gives their sum. Only
    /// for operators that let it come to that, so nobody else pays for looking.
    function _takeOutSelfSettled(
        OfferTable.Entry[] memory offers,
        bytes calldata group,
        uint256[] memory groups,
        uint256 i
    ) private view returns (uint256 sum) {
        (uint32 accountId, , uint256 count) = BatchFormat.readGroupHead(group, 0);
        uint40 startSeq = IEscrow(escrow).account(accountId).nextSeq;
        for (uint256 j; j < i; ++j) if (groups.get(j) >> 224 == accountId) startSeq += uint16(groups.get(j) >> 208);
        uint256[] memory rows = SelfSettled.rowsOf(IEscrow(escrow), accountId, startSeq, count);
        for (uint256 row; row < count; ++row) if (SelfSettled.has(rows, row)) sum += offers.takeOut(group, row);
    }

    /// @dev The word that Escrow.debit takes for rebates.
    function _rebates(BatchFormat.Header memory header, Totals memory totals) private view returns (uint256) {
        uint256 rate = totals.feeBps * rebateShareBps(epochAt(block.timestamp));
        return rate == 0 ? 0 : (rate << 8) | header.nOffers;
    }

    /// @dev From what each group paid: its leaf, its app's fee and, if it was short, which rows went unpaid.
    function _attribute(
        uint24 operatorId,
        bytes calldata batch,
        BatchFormat.Header memory header,
        OfferTable.Entry[] memory offers,
        uint256[] memory groups,
        uint256[] memory debits,
        Totals memory totals
    ) private returns (bytes32 groupRoot, AppTotals memory apps) {
        apps.fees = new uint256[](header.nApps);
        apps.paid = new uint256[](header.nApps);
        uint256[] memory tree = GroupTree.allocate(header.nGroups);
        uint256 offset = header.tablesEnd();
        // Unchecked: offsets were checked when the groups were priced, and all fees are less than MAX_AMOUNT.
        unchecked {
            for (uint256 i; i < debits.length; ++i) {
                (uint32 accountId, uint256 appIndex, uint256 count) = BatchFormat.readGroupHead(batch, offset);
                bytes calldata group = BatchFormat.groupAt(batch, offset, count);
                uint256 debited = debits.get(i);
                uint256 paid = uint128(groups.get(i));
                uint256 appFee = uint88(debited >> 128);
                uint128 shortfall = uint128(debited);
                tree.setLeaf(i, GroupTree.leaf(uint40(debited >> 216), shortfall, group));
                if (shortfall != 0) {
                    emit ShortfallRecorded(operatorId, header.batchNo, accountId, shortfall);
                    uint256 appUnpaid = Math.min(appFee, shortfall);
                    appFee -= appUnpaid;
                    totals.unpaid += shortfall - appUnpaid;
                    paid -= shortfall - appUnpaid;
                    offers.noteUnpaid(
                        group,
                        shortfall - appUnpaid,
                        SelfSettled.rowsOf(IEscrow(escrow), accountId, uint40(debited >> 216), count)
                    );
                }
                apps.fees.set(appIndex, apps.fees.get(appIndex) + appFee);
                apps.paid.set(appIndex, apps.paid.get(appIndex) + paid);
                offset += group.length;
            }
        }
        groupRoot = tree.root();
    }

    /// @dev Credits providers, apps, the operator and its pool with what was paid, and measures it.
    function _distribute(
        uint24 operatorId,
        bytes calldata batch,
        BatchFormat.Header memory header,
        OfferTable.Entry[] memory offers,
        AppTotals memory apps,
        Totals memory totals
    ) private {
        uint256 epoch = epochAt(block.timestamp);
        mapping(uint32 => Metrics) storage listings = _metrics[epoch][operatorId];
        uint256[] memory credits = new uint256[](offers.length + apps.fees.length + 1);
        uint256 n;
        for (uint256 i; i < offers.length; ++i) {
            OfferTable.Entry memory offer = offers[i];
            uint256 paid = OfferTable.amount(offer.sum) - offer.unpaid;
            uint256 protocolFeeDown = (paid * totals.feeBps) / BPS;
            totals.protocolFee += protocolFeeDown;
            listings[offer.listingId].add(protocolFeeDown, offer.sum, offer.outputAmount(), offer.failures);
            n = _push(credits, n, IEscrow.Earner.Provider, offer.providerId, paid - protocolFeeDown);
        }
        for (uint256 i; i < apps.fees.length; ++i) {
            uint32 appId = BatchFormat.tableId(batch, header.nOffers + i);
            if (appId == 0) continue;
            totals.appFees += apps.fees[i];
            n = _push(credits, n, IEscrow.Earner.App, appId, apps.fees[i]);
            // Fees are rounded per offer, this per app: a wei less per offer, so that apps never add up to more.
            uint256 feeDown = Math.saturatingSub((apps.paid[i] * totals.feeBps) / BPS, offers.length);
            if (feeDown != 0) appFees[epoch][operatorId][appId] += uint128(feeDown);
        }
        uint256 operatorShareDown = (totals.protocolFee * operatorShareBps) / BPS;
        n = _push(credits, n, IEscrow.Earner.Operator, operatorId, operatorShareDown);
        assembly ("memory-safe") {
            mstore(credits, n)
        }
        uint256 poolFee = totals.protocolFee - operatorShareDown - totals.rebates;
        IEscrow(escrow).credit(operatorId, epoch, credits, uint128(poolFee));
    }

    /// @dev What providers went without becomes a claim on the operator's bond, less the fee, which never comes from there.
    function _recordShortfalls(uint24 operatorId, OfferTable.Entry[] memory offers, Totals memory totals) private {
        uint256[] memory claims = new uint256[](offers.length);
        for (uint256 i; i < offers.length; ++i) {
            uint256 unpaid = offers[i].unpaid;
            claims[i] = (uint256(offers[i].providerId) << 224) | (unpaid - (unpaid * totals.feeBps) / BPS);
        }
        IDisputes(IRegistry(registry).disputes()).recordShortfalls(operatorId, claims);
    }

    /// @dev Appends a credit to the first `n`, unless it is nothing, and returns how many there are.
    function _push(
        uint256[] memory credits,
        uint256 n,
        IEscrow.Earner earner,
        uint32 id,
        uint256 amount
    ) private pure returns (uint256) {
        if (amount == 0) return n;
        credits[n] = (uint256(earner) << 248) | (uint256(id) << 216) | amount;
        return n + 1;
    }

    function _commit(
        uint24 operatorId,
        BatchFormat.Header memory header,
        bytes32 headerHash,
        bytes32 groupRoot,
        Totals memory totals
    ) private {
        bytes32 commitment = _commitment(operatorId, header.batchNo, headerHash, groupRoot);
        commitmentOf[operatorId][header.batchNo] = commitment;
        emit BatchSettled(
            operatorId,
            header.batchNo,
            commitment,
            uint32(totals.rows),
            uint128(totals.amount),
            uint128(totals.appFees),
            uint128(totals.protocolFee),
            uint128(totals.unpaid),
            uint128(totals.rebates)
        );
    }

    // ----------------------------------------------------------------- proofs

    /// @inheritdoc ILedger
    function proveRow(RowProof calldata proof) external view returns (Row memory row) {
        BatchFormat.Header memory header = BatchFormat.readSettledHeader(proof.header);
        (uint32 accountId, uint256 appIndex, uint256 count) = BatchFormat.readGroupHead(proof.group, 0);
        bytes32 leaf = GroupTree.leaf(proof.startSeq, proof.shortfall, proof.group);
        bytes32 groupRoot = MerkleProof.processProofCalldata(proof.siblings, leaf);
        bytes32 commitment = _commitment(proof.operatorId, header.batchNo, keccak256(proof.header), groupRoot);
        // Bytes of another length could be the preimage of an inner node.
        require(
            proof.group.length == BatchFormat.groupLength(count) &&
                commitment == commitmentOf[proof.operatorId][header.batchNo],
            Ledger_WrongProof(proof.operatorId, header.batchNo)
        );
        require(proof.rowIndex < count, Ledger_RowOutOfRange(proof.rowIndex, count));

        uint256 offerIndex;
        (offerIndex, row.inputUnits, row.outputUnits, row.timing) = BatchFormat.readRow(
            proof.group,
            BatchFormat.GROUP_HEAD_BYTES + BatchFormat.ROW_BYTES * proof.rowIndex
        );
        row.operatorId = proof.operatorId;
        row.batchNo = header.batchNo;
        row.accountId = accountId;
        row.seq = proof.startSeq + proof.rowIndex;
        row.offerId = BatchFormat.tableId(proof.header, offerIndex);
        row.appId = BatchFormat.tableId(proof.header, header.nOffers + appIndex);
        row.servedFrom = header.servedFrom;
        row.servedTo = header.servedTo;
        if (row.timing != 0) row.amount = _amountOf(row);
    }

    /// @inheritdoc ILedger
    function hashReceipt(Receipt calldata receipt) external view returns (bytes32) {
        return _hashTypedDataV4(ReceiptHash.structHash(receipt));
    }

    /// @dev A settled row costs at most MAX_AMOUNT, which fits.
    function _amountOf(Row memory row) private view returns (uint96) {
        IRegistry.Offer memory offer = IRegistry(registry).offer(row.offerId);
        return
            uint96(
                uint256(row.inputUnits) * offer.inputPrice +
                    uint256(row.outputUnits) * offer.outputPrice +
                    offer.requestPrice
            );
    }

    function _commitment(
        uint24 operatorId,
        uint32 batchNo,
        bytes32 headerHash,
        bytes32 groupRoot
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(operatorId, batchNo, headerHash, groupRoot));
    }

    /// @inheritdoc ILedger
    function nextBatchNo(uint24 operatorId) external view returns (uint32) {
        return _batches[operatorId].next;
    }

    /// @inheritdoc ILedger
    function firstOpenBatch(uint24 operatorId) external view returns (uint32) {
        Batches memory batches = _batches[operatorId];
        uint40 bucket = _bucket();
        if (bucket == batches.bucket) return batches.previous;
        return bucket == batches.bucket + 1 ? batches.current : batches.next;
    }

    /// @inheritdoc ILedger
    function epochOf(uint24 operatorId, uint32 batchNo) external view returns (uint256) {
        Batches memory batches = _batches[operatorId];
        uint256 bucket = batchNo >= batches.current ? batches.bucket : batches.bucket - 1;
        return epochAt(bucket * challengeWindow);
    }

    function _bucket() private view returns (uint40) {
        return uint40(block.timestamp / challengeWindow);
    }

    // ---------------------------------------------------------- Disputes only

    /// @inheritdoc ILedger
    function noteSelfSettled(
        uint24 operatorId,
        uint32 listingId,
        uint32 appId,
        uint256 paid,
        uint256 outputPaid,
        uint24 outputUnits,
        uint8 timing,
        uint256 fee
    ) external onlyDisputes {
        uint256 epoch = epochAt(block.timestamp);
        _batches[operatorId].hasSelfSettled = true;
        uint256 sum = (1 << 224) | (paid << 96) | (uint256(outputUnits) << 48) | (uint256(outputUnits) * timing);
        _metrics[epoch][operatorId][listingId].add(fee, sum, outputPaid, 0);
        if (appId != 0) appFees[epoch][operatorId][appId] += uint128(fee);
    }

    /// @inheritdoc ILedger
    function reverse(
        uint24 operatorId,
        uint256 epoch,
        uint32 listingId,
        uint32 appId,
        uint256 fee
    ) external onlyDisputes {
        _metrics[epoch][operatorId][listingId].takeOut(fee);
        uint128 ofApp = appFees[epoch][operatorId][appId];
        if (ofApp != 0) appFees[epoch][operatorId][appId] = uint128(Math.saturatingSub(ofApp, fee));
        emit FeesReversed(operatorId, epoch, listingId, appId, fee);
    }

    // ------------------------------------------------------------ fee schedule

    /// @inheritdoc ILedger
    function scheduleProtocolFee(uint16 feeBps, uint40 effectiveAt) external onlyOwner {
        _requireFee(feeBps, MAX_PROTOCOL_FEE_BPS);
        uint256 earliest = Math.max(block.timestamp + FEE_NOTICE, _feeChanges[_feeChanges.length - 1].effectiveAt);
        require(effectiveAt >= earliest, Ledger_NoticeTooShort(effectiveAt, earliest));
        _feeChanges.push(FeeChange({effectiveAt: effectiveAt, feeBps: feeBps}));
        emit ProtocolFeeScheduled(feeBps, effectiveAt);
    }

    /// @inheritdoc ILedger
    function protocolFeeBps(uint40 servedAt) public view returns (uint16) {
        uint256 i = _feeChanges.length - 1;
        while (_feeChanges[i].effectiveAt > servedAt) --i;
        return _feeChanges[i].feeBps;
    }

    /// @inheritdoc ILedger
    function scheduleRebateShare(uint16 shareBps) external onlyOwner {
        _requireFee(shareBps, MAX_REBATE_SHARE_BPS);
        uint40 fromEpoch = uint40(epochAt(block.timestamp) + 1);
        RebateShare storage last = _rebateShares[_rebateShares.length - 1];
        // What was announced for the same epoch before has not begun.
        if (last.fromEpoch == fromEpoch) last.shareBps = shareBps;
        else _rebateShares.push(RebateShare({fromEpoch: fromEpoch, shareBps: shareBps}));
        emit RebateShareScheduled(shareBps, fromEpoch);
    }

    /// @inheritdoc ILedger
    function rebateShareBps(uint256 epoch) public view returns (uint16) {
        uint256 i = _rebateShares.length - 1;
        while (_rebateShares[i].fromEpoch > epoch) --i;
        return _rebateShares[i].shareBps;
    }

    function _requireFee(uint16 feeBps, uint16 max) private pure {
        require(feeBps <= max, Ledger_FeeOutOfRange(feeBps, max));
    }

    // ---------------------------------------------------------------- metrics

    /// @inheritdoc ILedger
    function metrics(uint256 epoch, uint24 operatorId, uint32 listingId) external view returns (Metrics memory) {
        return _metrics[epoch][operatorId][listingId];
    }

    /// @inheritdoc ILedger
    function epochAt(uint256 timestamp) public view returns (uint256) {
        return timestamp / epochLength;
    }
}
