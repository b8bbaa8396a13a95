// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {ILedger} from "../../contracts/interfaces/ILedger.sol";
import {IRegistry} from "../../contracts/interfaces/IRegistry.sol";
import {Batches} from "./fixtures/Batches.sol";
import {Random} from "./fixtures/Random.sol";
import {ReferenceLedger} from "./fixtures/ReferenceLedger.sol";
import {vm} from "./fixtures/Vm.sol";

/// @notice Whatever bytes are settled: they do exactly what the rules say, or nothing at all for a reason with a name.
contract LedgerFuzzTest is ReferenceLedger {
    uint24 private constant OPERATOR = 1;
    uint32 private constant OFFERS = 6;
    uint32 private constant APPS = 3;
    uint32 private constant PROVIDERS = 3;
    uint32 private constant OWN_ACCOUNTS = 5;
    address private constant SETTLER = address(0x5e771e);
    uint256 private constant RECEIPT_KEY = 0x5e771e;

    function setUp() public {
        _deploy();
        registry.registerOperator(address(this), SETTLER, vm.addr(RECEIPT_KEY), MINIMUM);
        registry.registerOperator(address(2), address(2), address(2), MINIMUM);
        for (uint32 i = 1; i <= PROVIDERS; ++i) {
            registry.registerProvider(address(this), MINIMUM);
            registry.registerModel(string(abi.encodePacked("model-", bytes1(uint8(0x60 + i)))), IRegistry.Unit.Token);
            registry.createListing(i, i);
            registry.createOffer(i, 2e12, 7e12, 1e13, 0);
            registry.createOffer(i, uint72(i % 2), 0, i == 1 ? 0 : type(uint72).max, 0);
        }
        registry.retireOffer(2, uint40(block.timestamp + 1 hours));
        registry.registerApp(address(this), 0);
        registry.registerApp(address(this), 501);
        registry.registerApp(address(this), 2_000);
        // Empty, poor, and rich accounts that allow apps different fees; the last one belongs to the other operator.
        uint96[6] memory deposits = [uint96(1), 1e15, 1e19, 20_000e18, 1_000_000e18, 1_000e18];
        for (uint256 i = 0; i < deposits.length; ++i)
            escrow.deposit(
                IEscrow.Terms(address(this), i == OWN_ACCOUNTS ? 2 : OPERATOR, address(0), false, uint8(4 * i)),
                deposits[i]
            );
        escrow.grantCredits(2, 5e14);
        escrow.grantCredits(4, 3e19);
        escrow.grantCredits(5, 1);
        // The settle window of what was served at the beginning has passed.
        vm.warp(block.timestamp + 7 hours);
    }

    // -------------------------------------------------------------------- tests

    function testFuzz_settlesExactlyWhatTheRulesAccept(uint256 seed) public {
        Random memory random = Random(seed);
        if (random.oneIn(2)) _selfSettleSome(random);
        for (uint256 i = 0; i < 3; ++i) {
            Batches.Batch memory batch = _randomBatch(random);
            require(_settle(Batches.encode(batch)), "a valid batch was refused");
        }
    }

    function testFuzz_refusesOrSettlesExactlyMutatedBatches(uint256 seed) public {
        Random memory random = Random(seed);
        if (random.oneIn(2)) _selfSettleSome(random);
        for (uint256 i = 0; i < 4; ++i) {
            bytes memory data = Batches.encode(_randomBatch(random));
            uint256 mutations = random.range(1, 3);
            for (uint256 j = 0; j < mutations; ++j) data = _mutate(random, data);
            _settle(data);
        }
    }

    function testFuzz_refusesOrSettlesExactlyMutatedFields(uint256 seed) public {
        Random memory random = Random(seed);
        if (random.oneIn(2)) _selfSettleSome(random);
        for (uint256 i = 0; i < 4; ++i) {
            Batches.Batch memory batch = _randomBatch(random);
            _mutateField(random, batch);
            _settle(Batches.encode(batch));
        }
    }

    function testFuzz_survivesAnyBytes(bytes calldata data) public {
        _settle(data);
        // past the first check, and past the header
        _settle(bytes.concat(hex"01", data));
        _settle(bytes.concat(abi.encodePacked(uint8(1), uint32(0), uint40(START), uint40(START), hex"01010001"), data));
    }

    function testFuzz_takesNothingFromAStranger(address stranger, uint24 operatorId, uint256 seed) public {
        vm.assume(stranger != SETTLER && stranger != address(2));
        Random memory random = Random(seed);
        bytes memory data = Batches.encode(_randomBatch(random));
        bytes32 before = _digest();
        vm.prank(stranger);
        (bool settled, bytes memory reason) = address(ledger).call(abi.encodeCall(ILedger.settle, (operatorId, data)));
        require(!settled && _isNamed(reason) && _digest() == before, "a stranger settled");
    }

    function testFuzz_provesEveryRowAndNoOther(uint256 seed) public {
        Random memory random = Random(seed);
        if (random.oneIn(2)) _selfSettleSome(random);
        bytes memory data = Batches.encode(_randomBatch(random));
        Outcome memory outcome = _predict(OPERATOR, SETTLER, data);
        vm.prank(SETTLER);
        ledger.settle(OPERATOR, data);
        require(ledger.commitmentOf(OPERATOR, outcome.batch.batchNo) == _commitment(OPERATOR, outcome), "commitment");

        bytes32[] memory tree = _tree(outcome.batch, outcome.startSeqs, outcome.shortfalls);
        for (uint256 i = 0; i < outcome.batch.groups.length; ++i) {
            Batches.Group memory group = outcome.batch.groups[i];
            ILedger.RowProof memory proof = ILedger.RowProof({
                operatorId: OPERATOR,
                header: Batches.encodeHeader(outcome.batch),
                group: Batches.encodeGroup(group),
                startSeq: uint40(outcome.startSeqs[i]),
                shortfall: uint128(outcome.shortfalls[i]),
                rowIndex: uint16(random.range(0, group.rows.length - 1)),
                siblings: _siblings(tree, i)
            });
            _requireRow(outcome, group, proof);
            _requireNoOther(random, proof);
        }
    }

    // ----------------------------------------------------------------- settling

    /// @dev Settles `data` and checks every effect against the reference, or that there is none.
    function _settle(bytes memory data) private returns (bool settled) {
        Outcome memory outcome = _predict(OPERATOR, SETTLER, data);
        bytes32 digest = _digest();
        uint256[] memory earned = _earned();
        uint256 owed = escrow.owed();
        uint32 batchNo = ledger.nextBatchNo(OPERATOR);

        vm.prank(SETTLER);
        bytes memory reason;
        (settled, reason) = address(ledger).call(abi.encodeCall(ILedger.settle, (OPERATOR, data)));
        require(settled == outcome.valid, "accepted what the rules refuse, or refused what they accept");
        if (!settled) {
            require(_isNamed(reason), "an error without a name");
            require(_digest() == digest, "a refused batch left something behind");
            return false;
        }
        require(ledger.nextBatchNo(OPERATOR) == batchNo + 1, "batch number");
        require(escrow.owed() == owed, "a batch moves what is owed, it does not change it");
        require(ledger.commitmentOf(OPERATOR, batchNo) == _commitment(OPERATOR, outcome), "commitment");
        require(
            keccak256(abi.encode(_accounts())) == keccak256(abi.encode(outcome.accounts)),
            "accounts are not as the rules have them"
        );
        uint256[] memory expected = _credits(outcome);
        uint256[] memory earnedNow = _earned();
        for (uint256 i = 0; i < earned.length; ++i)
            require(earnedNow[i] == earned[i] + expected[i], "credits are not as the rules have them");
        require(
            keccak256(abi.encode(_measures(OPERATOR))) == keccak256(abi.encode(outcome.measures)),
            "metrics, app fees or claims are not as the rules have them"
        );
    }

    /// @dev Has providers settle some of the next rows of some accounts themselves, accounts that are short included.
    function _selfSettleSome(Random memory random) private {
        uint256 n = random.range(1, 6);
        for (uint256 i = 0; i < n; ++i) {
            uint32 accountId = uint32(random.range(1, OWN_ACCOUNTS));
            uint40 seq = escrow.account(accountId).nextSeq + uint40(random.range(0, 20));
            if (escrow.isSelfSettled(accountId, seq)) continue;
            ILedger.Receipt[] memory receipts = new ILedger.Receipt[](1);
            Batches.Row memory row = Batches.Row(0, _units(random), _units(random), uint8(random.range(1, 255)));
            receipts[0] = ILedger.Receipt({
                operatorId: OPERATOR,
                accountId: accountId,
                seq: seq,
                offerId: random.oneIn(3) ? 6 : 1,
                appId: uint32(random.range(0, APPS)),
                inputUnits: row.inputUnits,
                outputUnits: row.outputUnits,
                timing: row.timing,
                amount: 0,
                requestHash: 0,
                responseHash: 0,
                servedAt: uint40(START)
            });
            receipts[0].amount = uint96(_priceOf(receipts[0].offerId, row));
            bytes[] memory signatures = new bytes[](1);
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(RECEIPT_KEY, ledger.hashReceipt(receipts[0]));
            signatures[0] = abi.encodePacked(r, s, v);
            disputes.selfSettle(receipts, signatures);
        }
    }

    function _commitment(uint24 operatorId, Outcome memory outcome) private pure returns (bytes32) {
        bytes32[] memory tree = _tree(outcome.batch, outcome.startSeqs, outcome.shortfalls);
        return _commitment(operatorId, outcome.batch, tree[0]);
    }

    /// @dev What everybody should get: providers, apps, operator, pool; in the order of `_earned`.
    function _credits(Outcome memory outcome) private view returns (uint256[] memory credits) {
        credits = new uint256[](PROVIDERS + APPS + 3);
        for (uint256 i = 0; i < outcome.sold.length; ++i)
            credits[registry.offer(outcome.batch.offers[i]).providerId - 1] += _netOf(outcome.sold[i].paid);
        for (uint256 i = 0; i < outcome.paidToApp.length; ++i)
            credits[PROVIDERS + outcome.batch.apps[i]] += outcome.paidToApp[i];
        credits[PROVIDERS + APPS + 1] = outcome.operatorShare;
        credits[PROVIDERS + APPS + 2] = outcome.protocolFee - outcome.operatorShare - outcome.rebated;
    }

    function _earned() private view returns (uint256[] memory earned) {
        earned = new uint256[](PROVIDERS + APPS + 3);
        for (uint32 i = 0; i < PROVIDERS; ++i) earned[i] = escrow.pending(IEscrow.Earner.Provider, i + 1);
        for (uint32 i = 0; i <= APPS; ++i) earned[PROVIDERS + i] = escrow.pending(IEscrow.Earner.App, i);
        earned[PROVIDERS + APPS + 1] = escrow.pending(IEscrow.Earner.Operator, OPERATOR);
        earned[PROVIDERS + APPS + 2] = escrow.pool(OPERATOR, ledger.epochAt(block.timestamp));
    }

    function _digest() private view returns (bytes32) {
        uint32 batchNo = ledger.nextBatchNo(OPERATOR);
        return
            keccak256(
                abi.encode(
                    _accounts(),
                    _earned(),
                    _measures(OPERATOR),
                    escrow.owed(),
                    batchNo,
                    ledger.commitmentOf(OPERATOR, batchNo)
                )
            );
    }

    // ------------------------------------------------------------------- proofs

    function _requireRow(
        Outcome memory outcome,
        Batches.Group memory group,
        ILedger.RowProof memory proof
    ) private view {
        Batches.Row memory row = group.rows[proof.rowIndex];
        ILedger.Row memory expected = ILedger.Row({
            operatorId: OPERATOR,
            batchNo: outcome.batch.batchNo,
            accountId: group.accountId,
            seq: proof.startSeq + proof.rowIndex,
            offerId: outcome.batch.offers[row.offerIndex],
            appId: outcome.batch.apps[group.appIndex],
            inputUnits: row.inputUnits,
            outputUnits: row.outputUnits,
            timing: row.timing,
            amount: uint96(_priceOf(outcome.batch.offers[row.offerIndex], row)),
            servedFrom: outcome.batch.servedFrom,
            servedTo: outcome.batch.servedTo
        });
        require(keccak256(abi.encode(ledger.proveRow(proof))) == keccak256(abi.encode(expected)), "row");
    }

    /// @dev Any other proof than the right one is wrong.
    function _requireNoOther(Random memory random, ILedger.RowProof memory proof) private view {
        uint256 kind = random.range(0, 6);
        if (kind == 0) proof.header = _mutate(random, proof.header);
        else if (kind == 1) proof.group = _mutate(random, proof.group);
        else if (kind == 2) proof.startSeq ^= uint40(1 << random.range(0, 39));
        else if (kind == 3) proof.shortfall ^= uint128(1 << random.range(0, 127));
        else if (kind == 4) proof.rowIndex = uint16(random.range((proof.group.length - 7) / 8, type(uint16).max));
        else if (kind == 5) proof.operatorId ^= uint24(1 << random.range(0, 23));
        else if (proof.siblings.length == 0) proof.siblings = new bytes32[](1);
        else proof.siblings[random.range(0, proof.siblings.length - 1)] ^= bytes32(1 << random.range(0, 255));
        try ledger.proveRow(proof) returns (ILedger.Row memory) {
            revert("proved what was not settled");
        } catch (bytes memory reason) {
            bytes4 expected = kind == 4 ? ILedger.Ledger_RowOutOfRange.selector : ILedger.Ledger_WrongProof.selector;
            require(bytes4(reason) == expected, "another error");
        }
    }

    // ------------------------------------------------------------ random batches

    /// @dev A batch that the rules accept, short accounts included.
    function _randomBatch(Random memory random) private view returns (Batches.Batch memory batch) {
        batch.batchNo = ledger.nextBatchNo(OPERATOR);
        batch.servedFrom = uint40(START + random.range(0, 1 hours));
        batch.servedTo = uint40(batch.servedFrom + random.range(0, 1 hours));
        batch.offers = _someIds(random, 1, OFFERS);
        batch.apps = _someIds(random, 0, APPS);
        batch.groups = new Batches.Group[](random.range(1, 6));
        for (uint256 i = 0; i < batch.groups.length; ++i) {
            Batches.Group memory group = batch.groups[i];
            group.accountId = uint32(random.range(1, OWN_ACCOUNTS));
            group.appIndex = uint8(random.range(0, batch.apps.length - 1));
            group.rows = new Batches.Row[](random.range(1, 9));
            for (uint256 j = 0; j < group.rows.length; ++j)
                group.rows[j] = _randomRow(random, uint8(random.range(0, batch.offers.length - 1)));
        }
    }

    function _randomRow(Random memory random, uint8 offerIndex) private pure returns (Batches.Row memory) {
        if (random.oneIn(6)) return Batches.Row(offerIndex, 0, 0, 0);
        return
            Batches.Row({
                offerIndex: offerIndex,
                inputUnits: _units(random),
                outputUnits: _units(random),
                timing: uint8(random.range(1, 255))
            });
    }

    function _units(Random memory random) private pure returns (uint24) {
        uint256 kind = random.range(0, 3);
        if (kind == 0) return uint24(random.range(0, 1));
        if (kind == 1) return type(uint24).max;
        return uint24(random.range(0, 40_000));
    }

    /// @dev Some of the ids `first` to `last`, ascending, at least one.
    function _someIds(Random memory random, uint32 first, uint32 last) private pure returns (uint32[] memory ids) {
        uint256 chosen = random.range(1, (1 << (last - first + 1)) - 1);
        uint32[] memory found = new uint32[](last - first + 1);
        uint256 n;
        for (uint32 id = first; id <= last; ++id) if ((chosen >> (id - first)) & 1 == 1) found[n++] = id;
        ids = new uint32[](n);
        for (uint256 i = 0; i < n; ++i) ids[i] = found[i];
    }

    // ---------------------------------------------------------------- mutations

    /// @dev `data` with one thing changed, and never the same.
    function _mutate(Random memory random, bytes memory data) private pure returns (bytes memory) {
        uint256 kind = data.length == 0 ? 1 : random.range(0, 4);
        if (kind == 0) return _slice(data, 0, random.range(0, data.length - 1));
        if (kind == 1) return bytes.concat(data, _slice(abi.encode(random.word(), uint256(0)), 0, random.range(1, 40)));
        uint256 offset = random.range(0, data.length - 1);
        if (kind == 2) return bytes.concat(_slice(data, 0, offset), hex"00", _slice(data, offset, data.length));
        bytes memory changed = bytes.concat(data);
        if (kind == 3) changed[offset] ^= bytes1(uint8(1 << random.range(0, 7)));
        else changed[offset] = data[offset] == 0xff ? bytes1(0) : bytes1(0xff);
        return changed;
    }

    function _slice(bytes memory data, uint256 from, uint256 to) private pure returns (bytes memory slice) {
        slice = new bytes(to - from);
        for (uint256 i = 0; i < slice.length; ++i) slice[i] = data[from + i];
    }

    function _mutateField(Random memory random, Batches.Batch memory batch) private view {
        uint256 kind = random.range(0, 11);
        Batches.Group memory group = batch.groups[random.range(0, batch.groups.length - 1)];
        Batches.Row memory row = group.rows[random.range(0, group.rows.length - 1)];
        if (kind == 0) batch.batchNo = uint32(random.range(0, 3));
        else if (kind == 1) batch.servedFrom = uint40(START - random.range(0, 1));
        else if (kind == 2) batch.servedTo = uint40(START + 2 hours + random.range(0, 1));
        else if (kind == 3) batch.servedTo = uint40(block.timestamp + random.range(0, 1));
        else if (kind == 4)
            batch.offers[random.range(0, batch.offers.length - 1)] = uint32(random.range(0, OFFERS + 1));
        else if (kind == 5) batch.apps[random.range(0, batch.apps.length - 1)] = uint32(random.range(0, APPS + 1));
        else if (kind == 6) group.accountId = uint32(random.range(0, OWN_ACCOUNTS + 2));
        else if (kind == 7) group.appIndex = uint8(random.range(0, batch.apps.length));
        else if (kind == 8) group.rows = new Batches.Row[](random.range(0, 1));
        else if (kind == 9) row.offerIndex = uint8(random.range(0, batch.offers.length));
        else if (kind == 10) row.timing = 0;
        else batch.groups = new Batches.Group[](random.range(0, 1));
    }
}
