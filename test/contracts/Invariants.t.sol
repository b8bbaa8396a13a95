// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AI1NET} from "../../contracts/AI1NET.sol";
import {Disputes} from "../../contracts/Disputes.sol";
import {Escrow} from "../../contracts/Escrow.sol";
import {IBoundedPause} from "../../contracts/interfaces/IBoundedPause.sol";
import {IChallenges} from "../../contracts/interfaces/IChallenges.sol";
import {IDisputes} from "../../contracts/interfaces/IDisputes.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IRegistry} from "../../contracts/interfaces/IRegistry.sol";
import {IReviews} from "../../contracts/interfaces/IReviews.sol";
import {Ledger} from "../../contracts/Ledger.sol";
import {Registry} from "../../contracts/Registry.sol";
import {Reviews} from "../../contracts/Reviews.sol";
import {Rewards} from "../../contracts/Rewards.sol";
import {Handler} from "./fixtures/Handler.sol";
import {Played} from "./fixtures/Played.sol";

/// @dev Stands in this file, so that the runner recognises it also when it runs this file alone.
contract Everybody is Handler {
    constructor(
        AI1NET token_,
        Registry registry_,
        Escrow escrow_,
        Ledger ledger_,
        Disputes disputes_,
        Reviews reviews_,
        Rewards rewards_
    ) Handler(token_, registry_, escrow_, ledger_, disputes_, reviews_, rewards_) {}
}

/// @notice What holds after any sequence of calls, by the ids of contracts/README.md.
contract InvariantsTest is Played {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    uint256 private constant SUPPLY = 1_000_000_000e18;
    uint24 private constant HONEST = 1;
    uint24 private constant OPERATORS = 2;
    uint32 private constant PROVIDERS = 3;
    uint32 private constant APPS = 2;
    address private constant SINK = 0x000000000000000000000000000000000000dEaD;

    function setUp() public {
        _deploy();
        handler = new Everybody(token, registry, escrow, ledger, disputes, reviews, rewards);
        _begin();
    }

    // --------------------------------------------------------------- invariants

    function invariant_I01_holdsWhatItOwes() public view {
        require(token.balanceOf(address(escrow)) >= escrow.owed(), "I-01: holds less than it owes");
        (
            uint256 paidIn,
            uint256 refunded,
            uint256 compensated,
            uint256 withdrawn,
            uint256 claimed,
            uint256 poolPaid
        ) = handler.flows();
        require(
            escrow.owed() == paidIn + refunded + compensated - withdrawn - claimed - poolPaid,
            "I-01: owes something else than what came in and did not leave"
        );
    }

    function invariant_I02_debitsAndShortfallsAreCredited() public view {
        (
            uint256 debits,
            ,
            uint256 shortfalls,
            uint256 dues,
            uint256 providers,
            uint256 apps,
            uint256 protocolFee,

        ) = handler.last();
        require(debits + shortfalls == dues, "I-02: debits and shortfalls are not what the rows cost");
        require(debits == providers + apps + protocolFee, "I-02: credits are not what was debited");
    }

    function invariant_I03_sequencesHaveNoGaps() public view {
        for (uint32 id = 1; id <= escrow.accountCount(); ++id) {
            (, , , , , uint256 rows) = handler.books(id);
            require(escrow.account(id).nextSeq == rows, "I-03: nextSeq");
        }
        for (uint24 id = 1; id <= OPERATORS; ++id) {
            uint32 next = handler.batches(id);
            require(ledger.nextBatchNo(id) == next, "I-03: nextBatchNo");
            require(ledger.commitmentOf(id, next) == 0, "I-03: a batch ahead of its number");
            require(next == 0 || ledger.commitmentOf(id, next - 1) != 0, "I-03: a number without a batch");
        }
    }

    function invariant_I04_chargesByPriceListsOnly() public view {
        for (uint32 id = 1; id <= escrow.accountCount(); ++id) {
            (uint256 paidIn, uint256 refunded, uint256 rebated, uint256 charged, uint256 withdrawn, ) = handler.books(
                id
            );
            IEscrow.Account memory account = escrow.account(id);
            require(
                uint256(account.balance) + account.credits == paidIn + refunded + rebated - charged - withdrawn,
                "I-04: charged something else than the price lists"
            );
        }
    }

    function invariant_I05_debitsNoForeignAccount() public view {
        require(handler.foreignDebits() == 0, "I-05: an operator debited an account of another");
        for (uint32 id = 1; id <= escrow.accountCount(); ++id)
            require(escrow.account(id).operatorId == escrow.termsOf(id).operatorId, "I-05: the account's operator");
    }

    /// @dev The handler foresees the outcome of exits, claims, self-settlement and evidence without asking for pauses: none
    /// of them was held up. What is left to say here is that pauses end, and are not chained.
    function invariant_I06_pausesEndAndHoldUpNoWayOut() public view {
        string[10] memory waysOut = [
            "requestExit",
            "withdraw",
            "claim",
            "selfSettle",
            "challengeRow",
            "equivocate",
            "resolve",
            "collect a refund",
            "collect a compensation",
            "withdrawBond"
        ];
        for (uint256 i = 0; i < waysOut.length; ++i)
            require(handler.heldUp(waysOut[i]) == 0, string.concat("I-06: held up: ", waysOut[i]));
        _requireBounded(escrow, true);
        _requireBounded(ledger, false);
    }

    function invariant_I07_maturesOnTimeAndForGood() public view {
        for (uint256 kind = 0; kind < 3; ++kind) {
            IEscrow.Earner earner = IEscrow.Earner(kind);
            for (uint32 id = 0; id <= PROVIDERS; ++id) {
                uint256 claimed = handler.claimedBy(earner, id);
                uint256 matured = handler.matured(earner, id);
                require(escrow.earnings(earner, id).claimed == claimed, "I-07: claimed");
                require(escrow.claimable(earner, id) == matured - claimed, "I-07: claimable");
                require(escrow.pending(earner, id) == handler.pendingOf(earner, id), "I-07: pending");
            }
        }
        for (uint32 id = 1; id <= PROVIDERS; ++id) require(escrow.frozenOf(id) == handler.frozen(id), "I-07: frozen");
    }

    function invariant_I08_rewardsStayBelowTheFee() public view {
        (uint256 count, , , ) = handler.counts();
        for (uint256 i = 0; i < count; ++i)
            for (uint24 id = 1; id <= OPERATORS; ++id) _requireBelowTheFee(id, handler.epochs(i));
    }

    function invariant_I09_evidencePaysOnce() public view {
        (, , uint256 cases, uint256 digests) = handler.counts();
        for (uint256 i = 0; i < digests; ++i) {
            bytes32 digest = handler.digests(i);
            require(disputes.isUsed(digest) && handler.uses(digest) == 1, "I-09: a receipt was made good twice");
        }
        for (uint256 i = 0; i < cases; ++i) {
            (
                uint24 operatorId,
                uint32 accountId,
                uint40 seq,
                uint256 taken,
                uint256 refunded,
                uint256 penalties,
                bool equivocated
            ) = handler.cases(i);
            IDisputes.Judgement memory judged = disputes.judgement(operatorId, accountId, seq);
            require(judged.refunded == refunded && refunded <= taken, "I-09: refunded more than was taken");
            require(judged.penalized == (penalties != 0) && penalties <= 1, "I-09: penalized twice");
            require(judged.equivocated == equivocated, "I-09: equivocation");
        }
        require(token.balanceOf(SINK) == handler.penalties() - handler.hunted(), "I-09: the sink");
        require(token.balanceOf(address(disputes)) == 0, "I-09: Disputes keeps something");
    }

    function invariant_I10_oneReviewPerOwnerListingEpoch() public view {
        uint256 count = handler.reviewedCount();
        for (uint256 i = 0; i < count; ++i) {
            (address owner, uint32 listingId, uint256 epoch) = handler.reviewed(i);
            require(reviews.hasReviewed(owner, listingId, epoch), "I-10: a review is forgotten");
            require(handler.reviewsOf(keccak256(abi.encode(owner, listingId, epoch))) == 1, "I-10: reviewed twice");
            (uint256 n, uint256 weights, uint256 weightedRatings) = handler.sums(epoch, listingId);
            IReviews.Summary memory summary = reviews.summary(epoch, listingId);
            require(
                summary.count == n && summary.weights == weights && summary.weightedRatings == weightedRatings,
                "I-10: the sums are not those of the reviews"
            );
        }
    }

    function invariant_I11_supplyIsTheCap() public view {
        require(token.totalSupply() == SUPPLY, "I-11: supply");
    }

    function invariant_I12_stakesLeaveOnlyWhenTheirTimeHasCome() public view {
        for (uint24 id = 1; id <= OPERATORS; ++id) {
            uint256 bond = _requireStake(true, id, registry.operator(id).bond);
            uint256 gone = handler.takenOutOfBond(id) + handler.penaltiesOf(id) + handler.collectedOfBond(id);
            require(bond == handler.addedToBond(id) - gone, "I-12: a bond");
            IDisputes.OpenClaims memory open = disputes.openClaimsByKind(id);
            require(open.refunds == handler.openClaims(id, IDisputes.Claim.Refund), "I-12: refunds claimed");
            require(
                open.compensations == handler.openClaims(id, IDisputes.Claim.Compensation),
                "I-12: compensations claimed"
            );
        }
        for (uint32 id = 1; id <= PROVIDERS; ++id) _requireStake(false, id, registry.provider(id).stake);
        require(handler.leftWhileClaimed() == 0, "I-12: a bond left while it was claimed");
        _requireClaims();
    }

    function invariant_I13_commitmentsNeverChange() public view {
        for (uint256 i = 0; i < handler.settledCount(); ++i) {
            (uint24 operatorId, uint32 batchNo, bytes32 commitment) = handler.settledAt(i);
            require(ledger.commitmentOf(operatorId, batchNo) == commitment, "I-13: a commitment changed");
        }
    }

    function invariant_I14_everyWeiIsAccountedFor() public view {
        uint256 sum = _pools();
        for (uint32 id = 1; id <= escrow.accountCount(); ++id) {
            IEscrow.Account memory account = escrow.account(id);
            sum += uint256(account.balance) + account.credits;
        }
        for (uint32 id = 0; id <= PROVIDERS; ++id) {
            sum += escrow.frozenOf(id);
            for (uint256 kind = 0; kind < 3; ++kind)
                sum += escrow.pending(IEscrow.Earner(kind), id) + escrow.claimable(IEscrow.Earner(kind), id);
        }
        require(escrow.owed() == sum, "I-14: owed is not the sum of its parts");

        uint256 staked;
        for (uint24 id = 1; id <= OPERATORS; ++id) staked += _sizeOf(registry.operator(id).bond);
        for (uint32 id = 1; id <= PROVIDERS; ++id) staked += _sizeOf(registry.provider(id).stake);
        require(token.balanceOf(address(registry)) == staked, "I-14: the Registry holds something else than stakes");

        require(rewards.reserve() == handler.reserve(), "I-14: the reserve");
        require(token.balanceOf(address(rewards)) >= rewards.reserve(), "I-14: Rewards holds less than its reserve");

        IChallenges challenges = disputes.challenges();
        require(
            token.balanceOf(address(challenges)) == handler.openChallenges() * challenges.deposit(),
            "I-14: Challenges holds something else than open deposits"
        );
    }

    function invariant_I15_anHonestOperatorIsNeverSlashed() public view {
        require(handler.penaltiesOf(HONEST) == 0, "I-15: a penalty");
        require(disputes.openClaimsByKind(HONEST).refunds == 0, "I-15: a refund is claimed");
        // What left its bond, it asked back itself, or its accounts had lacked.
        require(
            _sizeOf(registry.operator(HONEST).bond) ==
                handler.addedToBond(HONEST) - handler.takenOutOfBond(HONEST) - handler.collectedOfBond(HONEST),
            "I-15: the bond"
        );
        (, , uint256 cases, ) = handler.counts();
        for (uint256 i = 0; i < cases; ++i) {
            (uint24 operatorId, uint32 accountId, uint40 seq, , , , ) = handler.cases(i);
            IDisputes.Judgement memory judged = disputes.judgement(HONEST, accountId, seq);
            require(
                operatorId != HONEST || (judged.refunded == 0 && !judged.penalized && !judged.equivocated),
                "I-15: a judgement"
            );
        }
    }

    // ------------------------------------------------------------------ formulas

    function _requireBounded(IBoundedPause paused, bool isEscrow) private view {
        (uint256 from, uint256 until) = handler.pauses(isEscrow);
        require(paused.pausedFrom() == from && paused.pausedUntil() == until, "I-06: a pause of somebody else's");
        require(until <= from + paused.maxPause(), "I-06: a pause that is too long");
        require(until == 0 || paused.nextPauseAt() == until + paused.coolDown(), "I-06: pauses can be chained");
        require(handler.shortestRest(isEscrow) >= paused.coolDown(), "I-06: pauses were chained");
    }

    /// @dev What was paid and what still could be, with rebates, against the fee: of all listings and apps at once.
    function _requireBelowTheFee(uint24 operatorId, uint256 epoch) private view {
        (uint256 fees, uint256 rebates, uint256 pool, uint256 rewarded, bool recycled) = handler.epochBooks(
            operatorId,
            epoch
        );
        require(escrow.pool(operatorId, epoch) == pool, "I-08: the pool");
        uint256 most = rebates;
        for (uint32 id = 1; id <= PROVIDERS; ++id) {
            (uint256 base, uint256 boost) = rewards.providerReward(operatorId, epoch, id);
            most += base + boost;
        }
        for (uint32 id = 1; id <= APPS; ++id) {
            (uint256 base, uint256 boost) = rewards.appReward(operatorId, epoch, id);
            most += base + boost;
        }
        require(most == 0 || most < fees, "I-08: rewards and rebates reach the fee");
        require(rewarded + rebates == 0 || rewarded + rebates < fees, "I-08: paid as much as the fee");
        require(recycled || rewarded / 2 + pool <= fees, "I-08: the pool and what left it exceed the fee");
    }

    function _requireStake(bool isOperator, uint32 id, IRegistry.Stake memory held) private view returns (uint256) {
        (uint96 bonded, uint96 unbonding, uint40 readyAt) = handler.stakes(isOperator, id);
        require(held.bonded == bonded && held.unbonding == unbonding && held.readyAt == readyAt, "I-12: a stake");
        return _sizeOf(held);
    }

    function _requireClaims() private view {
        (, uint256 count, , ) = handler.counts();
        uint256[3] memory sums;
        for (uint256 i = 0; i < count; ++i) {
            (uint24 operatorId, IDisputes.Claim kind, uint32 id, uint40 bucket) = handler.claimKeys(i);
            sums[operatorId] += disputes.claimOf(operatorId, kind, id, bucket);
        }
        for (uint24 id = 1; id <= OPERATORS; ++id)
            require(disputes.openClaims(id) == sums[id], "I-12: claims do not add up");
    }

    function _pools() private view returns (uint256 sum) {
        (uint256 count, , , ) = handler.counts();
        for (uint256 i = 0; i < count; ++i)
            for (uint24 id = 1; id <= OPERATORS; ++id) sum += escrow.pool(id, handler.epochs(i));
    }

    function _sizeOf(IRegistry.Stake memory held) private pure returns (uint256) {
        return uint256(held.bonded) + held.unbonding;
    }

    // ------------------------------------------------------------------- targets

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), _actions());
    }
}
