// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IRegistry} from "../../contracts/interfaces/IRegistry.sol";
import {Deployment} from "./fixtures/Deployment.sol";
import {Handler} from "./fixtures/Handler.sol";

/// @notice What holds after any sequence of calls, by the ids of contracts/README.md.
contract InvariantsTest is Deployment {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint256 private constant SUPPLY = 1_000_000_000e18;
    uint32 private constant EARNERS = 3;

    Handler private _handler;

    function setUp() public {
        _deploy();
        _handler = new Handler(token, registry, escrow, ledger);
        token.transfer(address(_handler), SUPPLY);
        _handler.begin();
        // Every sequence begins in a market that is alive.
        for (uint256 seed = 0; seed < 12; ++seed) _handler.deposit(seed);
        for (uint256 seed = 0; seed < 4; ++seed) _handler.settle(seed);
    }

    // ----------------------------------------------------------------- invariants

    function invariant_I01_holdsWhatItOwes() public view {
        require(token.balanceOf(address(escrow)) >= escrow.owed(), "I-01: holds less than it owes");
        require(escrow.owed() == _handler.deposited() - _handler.withdrawn() - _handler.claimed(), "I-01: owed");
    }

    function invariant_I02_debitsAndShortfallsAreCredits() public view {
        (uint256 debits, uint256 shortfalls, uint256 dues, uint256 credits, ) = _handler.last();
        require(debits + shortfalls == dues, "I-02: debits and shortfalls are not what the rows cost");
        require(debits == credits, "I-02: credits are not what was debited");
    }

    function invariant_I03_sequencesHaveNoGaps() public view {
        for (uint32 id = 1; id <= escrow.accountCount(); ++id) {
            (, , , uint256 rows) = _handler.books(id);
            require(escrow.account(id).nextSeq == rows, "I-03: nextSeq");
        }
        for (uint24 id = 1; id <= 2; ++id) {
            uint32 next = _handler.batches(id);
            require(ledger.nextBatchNo(id) == next, "I-03: nextBatchNo");
            require(ledger.commitmentOf(id, next) == 0, "I-03: a batch ahead of its number");
            require(next == 0 || ledger.commitmentOf(id, next - 1) != 0, "I-03: a number without a batch");
        }
    }

    function invariant_I04_chargesByPriceListsOnly() public view {
        for (uint32 id = 1; id <= escrow.accountCount(); ++id) {
            (uint256 deposited, uint256 withdrawn, uint256 charged, ) = _handler.books(id);
            IEscrow.Account memory account = escrow.account(id);
            require(
                uint256(account.balance) + account.credits == deposited - withdrawn - charged,
                "I-04: charged something else than the price lists"
            );
        }
    }

    function invariant_I05_debitsNoForeignAccount() public view {
        require(_handler.foreignDebits() == 0, "I-05: an operator debited an account of another");
        for (uint32 id = 1; id <= escrow.accountCount(); ++id)
            require(escrow.account(id).operatorId == escrow.termsOf(id).operatorId, "I-05: the account's operator");
    }

    function invariant_I07_maturesOnTimeAndForGood() public view {
        for (uint256 kind = 0; kind < 3; ++kind) {
            IEscrow.Earner earner = IEscrow.Earner(kind);
            for (uint32 id = 0; id <= EARNERS; ++id) {
                uint256 claimed = _handler.claimedBy(earner, id);
                uint256 matured = _handler.matured(earner, id);
                require(escrow.earnings(earner, id).claimed == claimed, "I-07: claimed");
                require(escrow.claimable(earner, id) == matured - claimed, "I-07: claimable");
                require(escrow.pending(earner, id) == _handler.earned(earner, id) - matured, "I-07: pending");
            }
        }
    }

    function invariant_I11_supplyIsTheCap() public view {
        require(token.totalSupply() == SUPPLY, "I-11: supply");
    }

    function invariant_I12_stakesLeaveOnlyWhenTheirTimeHasCome() public view {
        uint256 sum;
        for (uint24 id = 1; id <= 2; ++id) sum += _requireStake(true, id, registry.operator(id).bond);
        for (uint32 id = 1; id <= 3; ++id) sum += _requireStake(false, id, registry.provider(id).stake);
        require(token.balanceOf(address(registry)) == sum, "I-12: the Registry's tokens");
    }

    function invariant_I13_commitmentsNeverChange() public view {
        for (uint256 i = 0; i < _handler.commitmentCount(); ++i) {
            (uint24 operatorId, uint32 batchNo, bytes32 commitment) = _handler.commitments(i);
            require(ledger.commitmentOf(operatorId, batchNo) == commitment, "I-13: a commitment changed");
        }
    }

    function invariant_I14_everyWeiIsAccountedFor() public view {
        uint256 sum = _handler.pools(1) + _handler.pools(2);
        for (uint32 id = 1; id <= escrow.accountCount(); ++id) {
            IEscrow.Account memory account = escrow.account(id);
            sum += uint256(account.balance) + account.credits;
        }
        for (uint256 kind = 0; kind < 3; ++kind)
            for (uint32 id = 0; id <= EARNERS; ++id)
                sum += escrow.pending(IEscrow.Earner(kind), id) + escrow.claimable(IEscrow.Earner(kind), id);
        require(escrow.owed() == sum, "I-14: owed is not the sum of its parts");
    }

    // ------------------------------------------------------------------- targets

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(_handler), _actions());
    }

    function _actions() private pure returns (bytes4[] memory actions) {
        actions = new bytes4[](9);
        actions[0] = Handler.passTime.selector;
        actions[1] = Handler.deposit.selector;
        actions[2] = Handler.settle.selector;
        actions[3] = Handler.exit.selector;
        actions[4] = Handler.settle.selector;
        actions[5] = Handler.cheat.selector;
        actions[6] = Handler.price.selector;
        actions[7] = Handler.claim.selector;
        actions[8] = Handler.stake.selector;
    }

    function _requireStake(bool isOperator, uint32 id, IRegistry.Stake memory held) private view returns (uint256) {
        (uint96 bonded, uint96 unbonding, uint40 readyAt) = _handler.stakes(isOperator, id);
        require(held.bonded == bonded && held.unbonding == unbonding && held.readyAt == readyAt, "I-12: a stake");
        return uint256(bonded) + unbonding;
    }
}
