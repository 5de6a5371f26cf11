#include "agentd/plan_urls.h"

#include "codec/holder_url.h"

#include <stdio.h>

static bool has(const struct tx_urls *list, struct span text)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (span_eq(list->urls[i], text))
            return true;
    return false;
}

static void drop(struct tx_urls *list, uint32_t at)
{
    for (uint32_t i = at; i + 1 < list->count; i++)
        list->urls[i] = list->urls[i + 1];
    list->count--;
}

static bool names(struct peer_id *peer, struct span text)
{
    struct holder_url h;
    holder_url_read(&h, text);
    *peer = h.peer;
    return h.kind == HOLDER_URL_PEER;
}

/* Whether the text names the peer that of names. */
static bool same_peer(struct span text, struct span of)
{
    struct peer_id a, b;
    return names(&a, text) && names(&b, of) && peer_id_eq(&a, &b);
}

static struct span text_of(const struct view *v, uint32_t i)
{
    return span_str(v->texts.list[i]);
}

static bool wanted(const struct view *v, struct span text)
{
    for (uint32_t i = 0; i < v->texts.count; i++)
        if (span_eq(text_of(v, i), text))
            return true;
    return false;
}

/* What others have put there, and what of ours is still right. */
static void keep(struct tx_urls *out, const struct view *v)
{
    *out = (struct tx_urls){ 0 };
    for (uint32_t i = 0; i < v->money.url_count && i < TX_URLS_MAX; i++) {
        struct span text = span_str(v->money.urls[i]);
        bool ours = v->texts.count > 0 && same_peer(text, text_of(v, 0));
        if (!ours || wanted(v, text))
            out->urls[out->count++] = text;
    }
}

static void make_room(struct tx_urls *out)
{
    uint32_t oldest = 0;
    struct peer_id peer;
    if (out->count < TX_URLS_MAX)
        return;
    for (uint32_t i = out->count; i-- > 0;)
        if (names(&peer, out->urls[i]))
            oldest = i;
    drop(out, oldest);
}

/* One place is left for others: a second text gives its own up. */
static void add_peer(struct tx_urls *out, const struct view *v)
{
    for (uint32_t i = 0; i < v->texts.count; i++) {
        struct span text = text_of(v, i);
        uint32_t most = i == 0 ? TX_URLS_MAX : TX_URLS_MAX - 1;
        if (!has(out, text) && out->count < most)
            out->urls[out->count++] = text;
    }
    for (uint32_t i = 0; v->texts.count > 1 && out->count == TX_URLS_MAX && i < out->count; i++)
        if (span_eq(out->urls[i], text_of(v, 1)) && has(out, text_of(v, 0)))
            drop(out, i);
}

bool plan_urls_make(struct tx_urls *out, const struct view *v)
{
    keep(out, v);
    struct span gateway = span_str(v->gateway);
    if (gateway.n > 0 && !has(out, gateway)) {
        make_room(out);
        out->urls[out->count++] = gateway;
    }
    add_peer(out, v);
    bool same = out->count == v->money.url_count;
    for (uint32_t i = 0; same && i < out->count; i++)
        same = span_eq(out->urls[i], span_str(v->money.urls[i]));
    return !same;
}

/* ---- what crust-ipfsd says --------------------------------------------------------------------
 */

static bool equal(const struct view_texts *a, const struct view_texts *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = strcmp(a->list[i], b->list[i]) == 0;
    return same;
}

/* The chain has something of this peer, right or not. */
static bool is_there(const struct view *v, const struct view_texts *texts)
{
    for (uint32_t i = 0; i < v->money.url_count; i++)
        if (same_peer(span_str(v->money.urls[i]), span_str(texts->list[0])))
            return true;
    return false;
}

static bool all_there(const struct view *v, const struct view_texts *texts)
{
    for (uint32_t i = 0; i < v->money.url_count; i++)
        if (strcmp(v->money.urls[i], texts->list[0]) == 0)
            return true;
    return false;
}

void plan_urls_see(struct view *v, const struct span *texts, uint32_t count)
{
    struct view_texts seen = { 0 };
    for (uint32_t i = 0; i < count && seen.count < NODE_PEERS_MAX; i++) {
        struct peer_id peer;
        if (names(&peer, texts[i]))
            (void)snprintf(seen.list[seen.count++], sizeof(seen.list[0]), "%.*s", (int)texts[i].n,
                           (const char *)texts[i].p);
    }
    if (seen.count == 0 || !v->account_known)
        return;
    if (!equal(&seen, &v->texts_next)) {
        v->texts_next = seen;
        v->texts_since = v->chain.height;
    }
    if (equal(&seen, &v->texts))
        return;
    bool other =
        v->texts.count > 0 && !same_peer(span_str(seen.list[0]), span_str(v->texts.list[0]));
    if (other || !is_there(v, &seen) || all_there(v, &seen) ||
        v->chain.height >= v->texts_since + PLAN_URLS_STEADY_BLOCKS)
        v->texts = seen;
}
