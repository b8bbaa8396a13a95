// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEscrow} from "../../../contracts/interfaces/IEscrow.sol";
import {EarningsBuckets} from "../../../contracts/libraries/EarningsBuckets.sol";
import {Random} from "../fixtures/Random.sol";

/// @notice Maturing credit against a plain list of everything ever credited.
contract EarningsBucketsTest {
    using EarningsBuckets for IEscrow.Earnings;

    struct Credit {
        uint40 bucket;
        uint256 amount;
    }

    uint256 private constant STEPS = 24;

    IEscrow.Earnings private _earnings;
    Credit[] private _credits;
    uint256 private _taken;

    function testFuzz_I07_maturesTwoBucketsOnAndIsTakenOnce(uint256 seed) public {
        Random memory random = Random(seed);
        uint40 now_ = uint40(random.range(0, 30_000));
        for (uint256 i = 0; i < STEPS; ++i) {
            now_ += uint40(random.oneIn(2) ? 0 : random.range(0, 4));
            uint256 mature = _matureAt(now_) - _taken;
            if (random.oneIn(3)) {
                require(_earnings.take(now_) == mature, "took something else");
                _taken += mature;
                mature = 0;
            } else {
                uint128 amount = uint128(random.range(0, 1e27));
                _earnings.add(now_, amount);
                _credits.push(Credit(now_, amount));
            }
            IEscrow.Earnings memory rolled = _earnings.rolledTo(now_);
            require(rolled.bucket == now_, "bucket");
            require(rolled.mature == mature && rolled.claimed == _taken, "mature");
            require(rolled.current == _creditOf(now_), "current");
            require(rolled.previous == (now_ == 0 ? 0 : _creditOf(now_ - 1)), "previous");
        }
    }

    function testFuzz_refusesCreditBeyondItsField(uint96 held, uint128 amount) public {
        this.add(1, held);
        (bool added, bytes memory reason) = address(this).call(abi.encodeCall(this.add, (1, amount)));
        uint256 sum = uint256(held) + amount;
        require(added == (sum <= type(uint96).max), "limit");
        if (!added)
            require(
                keccak256(reason) ==
                    keccak256(abi.encodeWithSelector(IEscrow.Escrow_AmountTooHigh.selector, sum, type(uint96).max)),
                "error"
            );
    }

    function add(uint40 now_, uint128 amount) external {
        _earnings.add(now_, amount);
    }

    function _matureAt(uint40 now_) private view returns (uint256 sum) {
        for (uint256 i = 0; i < _credits.length; ++i) if (_credits[i].bucket + 2 <= now_) sum += _credits[i].amount;
    }

    function _creditOf(uint40 bucket) private view returns (uint256 sum) {
        for (uint256 i = 0; i < _credits.length; ++i) if (_credits[i].bucket == bucket) sum += _credits[i].amount;
    }
}
