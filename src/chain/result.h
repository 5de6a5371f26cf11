/* result: why a transaction failed. The numbers are consensus (docs/spec/results.md): they never
 * change and are never used again for something else. Pure. */
#ifndef CRUST_CHAIN_RESULT_H
#define CRUST_CHAIN_RESULT_H

/* X(number, NAME, "text without full stop") */
#define TX_RESULT_LIST(X)                                                                          \
    X(0, OK, "done")                                                                               \
    X(1, FAULT, "accepted; it proves a fault of the worker, who was charged")                      \
    /* admission: no fee, no change */                                                             \
    X(10, MALFORMED, "the bytes are not a canonical transaction")                                  \
    X(11, TOO_LARGE, "the transaction is larger than its kind may be")                             \
    X(12, WRONG_CHAIN, "it is signed for another chain")                                           \
    X(13, BAD_SIGNATURE, "the signature is wrong")                                                 \
    X(14, EXPIRED, "its expiry height has passed")                                                 \
    X(15, EXPIRY_TOO_FAR, "its expiry height is too far ahead")                                    \
    X(16, BAD_NONCE, "the nonce is not the next one of this signer")                               \
    X(17, CANNOT_PAY_FEE, "the account cannot pay the fee")                                        \
    X(18, NOT_ALLOWED, "this key has no allowance from the account, or it has ended")              \
    X(19, ALLOWANCE_SPENT, "the allowance does not cover this")                                    \
    X(20, CALL_NOT_ALLOWED, "an allowance covers orders only")                                     \
    /* balances: fee and nonce change, nothing else */                                             \
    X(30, INSUFFICIENT_BALANCE, "the balance is too small")                                        \
    X(31, EXISTENTIAL_DEPOSIT, "the receiver would hold less than the existential deposit")        \
    X(32, OVERFLOW, "a sum is out of range")                                                       \
    X(33, RESERVED_ACCOUNT, "the account belongs to the chain itself")                             \
    X(34, ALLOWANCE_LIMIT, "the account has too many allowances")                                  \
    X(35, ALLOWANCE_PAST, "the allowance would have ended already")                                \
    X(36, NOT_HELD, "less than that is held")                                                      \
    X(37, NO_ALLOWANCE, "there is no such allowance")                                              \
    X(38, ALLOWANCE_TOO_SMALL, "the allowance does not cover the order")                           \
    X(39, UNSUPPORTED, "this network does not take this call")                                     \
    /* market */                                                                                   \
    X(50, MARKET_CLOSED, "the network takes no orders now")                                        \
    X(51, FILE_TOO_LARGE, "the file is larger than the network takes")                             \
    X(52, SIZE_NOT_CORRECT, "the content is known with a larger size")                             \
    X(53, TOO_MANY_REPLICAS, "more replicas than the network gives")                               \
    X(54, ORDER_NOT_FOUND, "no such order")                                                        \
    X(55, NOT_STARTED, "no replica of this file has been verified yet")                            \
    X(56, REFUND_TOO_EARLY, "the order still has time to find a first replica")                    \
    X(57, ALREADY_STORED, "the file is stored: the order cannot be refunded")                      \
    X(58, NOTHING_TO_REFUND, "this account has paid nothing into this order")                      \
    X(59, NO_REWARD, "there is no reward to claim")                                                \
    X(60, BAD_CONTENT_KEY, "the codec cannot be stored")                                           \
    X(61, ZERO_AMOUNT, "the amount is zero")                                                       \
    X(62, TOO_MANY_PAYERS, "too many accounts have paid into this order")                          \
    /* beacon */                                                                                   \
    X(80, BEACON_UNKNOWN_KEY, "the key is no contributor's")                                       \
    X(81, BEACON_WRONG_SLOT, "no value of this slot is being made now")                            \
    X(82, BEACON_REPEATED, "this contributor has contributed already")                             \
    X(83, BEACON_BAD_PROOF, "the proof is wrong")                                                  \
    X(84, BEACON_KEY_USED, "the beacon key has been registered before")                            \
    X(85, BEACON_KEY_PROOF, "the proof is not by the beacon key")                                  \
    X(86, BEACON_JAILED, "too many contributions were withheld: not yet")                          \
    /* work; 100 to 149 belong to docs/spec/work.md */                                             \
    X(100, WORKER_EXISTS, "the worker key is registered already")                                  \
    X(101, WORKER_UNKNOWN, "no such worker")                                                       \
    X(102, WORKER_NOT_YOURS, "the worker belongs to another account")                              \
    X(103, EVIDENCE_BAD, "the evidence does not verify")                                           \
    X(104, EVIDENCE_OLD, "the evidence names a block that is too old or unknown")                  \
    X(105, EVIDENCE_POLICY, "the evidence is sound but not allowed here")                          \
    X(106, PLATFORM_FULL, "too many workers run on this platform")                                 \
    X(107, WORKER_BUSY, "the worker still holds replicas or owes answers")                         \
    X(109, WORKER_CLOSED, "another worker has taken its place")                                    \
    X(110, REPORT_MALFORMED, "the report is not in its canonical form")                            \
    X(111, REPORT_SIGNATURE, "the report is not signed by its worker")                             \
    X(112, REPORT_WRONG_ACCOUNT, "the report names another account or chain")                      \
    X(113, REPORT_WRONG_SLOT, "the report is not for this slot")                                   \
    X(114, REPORT_WRONG_BEACON, "the report answers another beacon")                               \
    X(115, REPORT_WRONG_STATE, "the report does not follow the stored state")                      \
    X(116, REPORT_WRONG_ROOTS, "the report's roots do not follow from its operations")             \
    X(117, REPORT_WRONG_DRAWS, "the report does not answer what was drawn")                        \
    X(118, REPORT_WINDOW, "no report is accepted while the beacon is made")                        \
    X(119, REPORT_OVER_LIMIT, "the step holds more than a step may")                               \
    X(120, REPORT_SUSPENDED, "the worker is suspended")                                            \
    X(121, SUCCESSION_SIGNATURE, "the succession is not signed by both workers")                   \
    X(122, WORKER_FAULTED, "the worker has faulted")                                               \
    X(130, CLAIM_UNKNOWN, "no such claim")                                                         \
    X(131, CLAIM_STANDS, "the block does not contradict the claim")                                \
    X(132, CHALLENGE_OPEN, "a challenge of this claim is open already")                            \
    X(133, CHALLENGE_UNKNOWN, "no challenge of this claim is open")                                \
    X(134, CLAIM_SETTLED, "the claim can only be refuted now")                                     \
    X(135, PROOF_MALFORMED, "the proof is not in its canonical form")                              \
    X(140, COLLATERAL_BAD, "the document is not the vendor's, or not valid now")                   \
    X(141, COLLATERAL_OLD, "a document that is as new is kept already")                            \
    X(142, EVIDENCE_DEVICE, "the evidence is of another machine or program than the worker's")     \
    /* staking; groups from 180 */                                                                 \
    X(150, STAKING_OFF, "this network has no staking")                                             \
    X(151, NOT_STASH, "the account has nothing bonded")                                            \
    X(152, NOT_CONTROLLER, "the account controls no stash")                                        \
    X(153, ALREADY_BONDED, "the account is bonded already")                                        \
    X(154, ALREADY_PAIRED, "the controller serves another stash already")                          \
    X(155, INSUFFICIENT_VALUE, "the value is too small")                                           \
    X(156, NO_MORE_CHUNKS, "too many parts are unbonding already")                                 \
    X(157, ALL_GUARANTEED, "all that is bonded is guaranteed to others: cut a guarantee first")    \
    X(158, NO_UNLOCK_CHUNK, "nothing is unbonding")                                                \
    X(159, NOTHING_UNLOCKED, "nothing can be withdrawn yet")                                       \
    X(160, INVALID_TARGET, "the target does not validate, or is not guaranteed")                   \
    X(161, EXCEED_GUARANTEE_LIMIT, "nothing is left to guarantee, or there are too many targets")  \
    X(162, TOO_MANY_GUARANTORS, "the target's guarantors all give more than that")                 \
    X(163, NO_KEY, "the stash has no validator key")                                               \
    X(164, KEY_USED, "the validator key has been registered before")                               \
    X(165, KEY_PROOF, "the proof is not by the validator key")                                     \
    X(166, ELECTION, "an election is being held: try again some blocks later")                     \
    X(167, INVALID_ERA, "the era has not ended or lies too far back")                              \
    X(168, ALREADY_CLAIMED, "the era's income has been claimed")                                   \
    X(169, NOTHING_TO_CLAIM, "the stash earned nothing in this era")                               \
    X(180, GROUP_OWNER_FORBIDDEN,                                                                  \
      "an account with workers can own no group, and an owner can have no workers")                \
    X(181, GROUP_ALREADY_EXIST, "the account owns a group already")                                \
    X(182, NOT_OWNER, "there is no such group")                                                    \
    X(183, ALREADY_JOINT, "the account is in a group already")                                     \
    X(184, NOT_JOINT, "the account is not in this group")                                          \
    X(185, EXCEED_GROUP_LIMIT, "the group is full")                                                \
    X(186, NOT_IN_ALLOWLIST, "the group does not allow this account")                              \
    X(187, EXCEED_ALLOWLIST_LIMIT, "the group allows too many accounts already")                   \
    X(188, IDENTITY_NOT_EXIST, "the account has no workers")                                       \
    /* governance */                                                                               \
    X(200, PROPOSAL_EMPTY, "the proposal changes nothing")                                         \
    X(201, PROPOSAL_INVALID, "the parameters would not hold with these changes")                   \
    X(202, PROPOSAL_FIXED, "a parameter among them cannot change while the chain runs")            \
    X(203, TOO_MANY_PROPOSALS, "too many proposals are open")                                      \
    X(204, PROPOSAL_UNKNOWN, "no such proposal")                                                   \
    X(205, NOT_VOTING, "no vote is taken on this proposal in this era")                            \
    X(206, NO_STAKE, "the account has no effective stake in this era")                             \
    X(207, VOTE_REPEATED, "the account has voted like that already")

enum tx_result {
#define TX_RESULT_ENUM(number, name, text) RESULT_##name = (number),
    TX_RESULT_LIST(TX_RESULT_ENUM)
#undef TX_RESULT_ENUM
};

/* result_name gives "INSUFFICIENT_BALANCE", result_text the phrase; "UNKNOWN" and a phrase for
 * other numbers. Static storage. */
const char *result_name(unsigned number);
const char *result_text(unsigned number);

#endif
