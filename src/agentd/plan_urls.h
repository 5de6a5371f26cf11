/* plan_urls: what the account tells others of where its contents are (`merchant.urls`,
 * docs/spec/market.md 5.5 and 5.6): the gateway of crust-ipfsd and its libp2p peer. Pure.
 *
 * The list belongs to the account, which may have several nodes and texts of the operator's own: of
 * it only what names this node's peer is taken back, and what finds no place is left out. */
#ifndef CRUST_AGENTD_PLAN_URLS_H
#define CRUST_AGENTD_PLAN_URLS_H

#include "agentd/view.h"
#include "codec/tx.h"

/* New addresses must stay for so many blocks before they replace others on chain: an address that
 * comes and goes costs no transactions. */
enum { PLAN_URLS_STEADY_BLOCKS = 100 };

/* plan_urls_see takes what crust-ipfsd says of its peer (texts, none: nothing new) into the view:
 * at once when the chain has nothing of this peer yet, else when it has been the same for
 * PLAN_URLS_STEADY_BLOCKS. Of the view it reads the chain's height and the account. */
void plan_urls_see(struct view *v, const struct span *texts, uint32_t count);

/* plan_urls_make gives the account's list with the view's gateway and peer in it. A gateway that is
 * missing pushes out the oldest text of a peer, else the oldest one; a peer takes a free place, a
 * second address of it only when another is left free then.
 * Out:     *out, whose spans borrow from v.
 * Returns: false when the chain has just this list. */
bool plan_urls_make(struct tx_urls *out, const struct view *v);

#endif
