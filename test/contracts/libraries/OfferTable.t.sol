// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "../../../contracts/interfaces/ILedger.sol";
import {OfferTable} from "../../../contracts/libraries/OfferTable.sol";
import {Batches} from "../fixtures/Batches.sol";
import {Random} from "../fixtures/Random.sol";

/// @notice The packed sums of rows against sums of each field by itself, up to the largest prices and units.
contract OfferTableTest {
    using OfferTable for OfferTable.Entry[];

    struct Sum {
        uint256 amount;
        uint256 outputUnits;
        uint256 timed; // output units times timing
        uint256 outputAmount;
        uint256 count;
        uint256 failures;
        uint256 unpaid;
    }

    function testFuzz_addsRowsLikeFieldsByThemselves(uint256 seed) public view {
        Random memory random = Random(seed);
        uint256 nOffers = random.oneIn(4) ? 255 : random.range(1, 8);
        uint256[] memory billing = _randomBilling(random, nOffers);
        Batches.Row[] memory rows = _randomRows(random, nOffers, random.range(1, 30));
        (Sum[] memory expected, uint256[] memory prices) = _add(billing, rows);
        uint256 due = _total(prices);
        uint256 unpaid = due == 0 || random.oneIn(3) ? 0 : random.range(0, due);
        _noteUnpaid(expected, rows, prices, unpaid);

        Batches.Group memory group = Batches.Group(0, 0, rows);
        (OfferTable.Entry[] memory table, uint256 sum) = this.priced(billing, Batches.encodeGroup(group), unpaid);
        require(OfferTable.amount(sum) == due, "the group's amount");
        for (uint256 i = 0; i < nOffers; ++i) {
            require(OfferTable.amount(table[i].sum) == expected[i].amount, "amount");
            require(OfferTable.outputUnits(table[i].sum) == expected[i].outputUnits, "output units");
            require(OfferTable.timedUnits(table[i].sum) == expected[i].timed, "timed");
            require(OfferTable.count(table[i].sum) == expected[i].count, "count");
            require(table[i].failures == expected[i].failures, "failures");
            require(table[i].unpaid == expected[i].unpaid, "unpaid");
            require(table[i].listingId == i && table[i].providerId == 1_000 + i, "seller");
            require(OfferTable.outputAmount(table[i]) == expected[i].outputAmount, "output amount");
        }
    }

    function testFuzz_refusesAnyRowOutsideTheTableOrFailedWithUnits(uint256 seed) public view {
        Random memory random = Random(seed);
        uint256 nOffers = random.range(1, 254);
        Batches.Row[] memory rows = _randomRows(random, nOffers, random.range(1, 30));
        Batches.Row memory bad = rows[random.range(0, rows.length - 1)];
        bytes4 expected = ILedger.Ledger_BadOfferIndex.selector;
        if (random.oneIn(2)) {
            bad.offerIndex = uint8(random.range(nOffers, 255));
        } else {
            (bad.inputUnits, bad.outputUnits, bad.timing) = (uint24(random.range(0, 1)), 1, 0);
            expected = ILedger.Ledger_FailedRowWithUnits.selector;
        }
        bytes memory group = Batches.encodeGroup(Batches.Group(0, 0, rows));
        try this.priced(_randomBilling(random, nOffers), group, 0) {
            revert("accepted");
        } catch (bytes memory reason) {
            require(bytes4(reason) == expected, "another error");
        }
    }

    function priced(
        uint256[] memory billing,
        bytes calldata group,
        uint256 unpaid
    ) external pure returns (OfferTable.Entry[] memory table, uint256 sum) {
        table = OfferTable.load(billing, billing.length / 2);
        sum = table.addRows(group, 7, group.length, 0);
        table.noteUnpaid(group, unpaid, new uint256[](0));
    }

    // ---------------------------------------------------------------- reference

    function _add(
        uint256[] memory billing,
        Batches.Row[] memory rows
    ) private pure returns (Sum[] memory sums, uint256[] memory prices) {
        sums = new Sum[](billing.length / 2);
        prices = new uint256[](rows.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            Sum memory sum = sums[rows[i].offerIndex];
            if (rows[i].timing == 0) {
                ++sum.failures;
                continue;
            }
            uint256 word = billing[2 * uint256(rows[i].offerIndex)];
            prices[i] =
                uint256(rows[i].inputUnits) * uint72(word) +
                uint256(rows[i].outputUnits) * uint72(word >> 72) +
                uint72(word >> 144);
            sum.amount += prices[i];
            sum.outputUnits += rows[i].outputUnits;
            sum.timed += uint256(rows[i].outputUnits) * rows[i].timing;
            sum.outputAmount += uint256(rows[i].outputUnits) * uint72(word >> 72);
            ++sum.count;
        }
    }

    /// @dev Rows are paid in their order until the money ends.
    function _noteUnpaid(
        Sum[] memory sums,
        Batches.Row[] memory rows,
        uint256[] memory prices,
        uint256 unpaid
    ) private pure {
        uint256 left = _total(prices) - unpaid;
        for (uint256 i = 0; i < rows.length; ++i) {
            uint256 got = left < prices[i] ? left : prices[i];
            left -= got;
            sums[rows[i].offerIndex].unpaid += prices[i] - got;
        }
    }

    function _total(uint256[] memory prices) private pure returns (uint256 total) {
        for (uint256 i = 0; i < prices.length; ++i) total += prices[i];
    }

    // ------------------------------------------------------------------- random

    function _randomBilling(Random memory random, uint256 nOffers) private pure returns (uint256[] memory billing) {
        billing = new uint256[](2 * nOffers);
        for (uint256 i = 0; i < nOffers; ++i) {
            // retiresAt, above the prices, must not matter
            billing[2 * i] = random.oneIn(4) ? type(uint256).max : random.word() >> (random.oneIn(2) ? 0 : 80);
            billing[2 * i + 1] = (random.word() << 64) | ((1_000 + i) << 32) | i;
        }
    }

    function _randomRows(
        Random memory random,
        uint256 nOffers,
        uint256 n
    ) private pure returns (Batches.Row[] memory rows) {
        rows = new Batches.Row[](n);
        for (uint256 i = 0; i < n; ++i) {
            rows[i].offerIndex = uint8(random.range(0, nOffers - 1));
            if (random.oneIn(5)) continue;
            rows[i].inputUnits = random.oneIn(3) ? type(uint24).max : uint24(random.word());
            rows[i].outputUnits = random.oneIn(3) ? type(uint24).max : uint24(random.word());
            rows[i].timing = random.oneIn(3) ? 255 : uint8(random.range(1, 255));
        }
    }
}
