#include "cli/order.h"
#include "base/hex.h"

#include <stdio.h>

void order_free(struct order_found *f)
{
    for (size_t i = 0; i < f->count; i++)
        json_decref(f->json[i]);
    f->count = 0;
}

/* The page of a content key: its items, one by one. */
static enum err take_page(struct order_found *out, struct span body)
{
    struct chain_client_page page;
    TRY(chain_client_decode_orders(&page, out->orders, ORDER_FOUND_MAX, body));
    json_t *root = json_loadb((const char *)body.p, body.n, 0, NULL);
    json_t *items = json_object_get(root, "items");
    for (size_t i = 0; i < page.count; i++)
        out->json[i] = json_incref(json_array_get(items, i));
    out->count = page.count;
    json_decref(root);
    return OK;
}

static enum err take_one(struct order_found *out, struct span body)
{
    TRY(chain_client_decode_order(&out->orders[0], body));
    out->json[0] = json_loadb((const char *)body.p, body.n, 0, NULL);
    out->count = out->json[0] != NULL;
    return out->count == 1 ? OK : ERR_MEMORY;
}

enum cli_exit order_find(const struct cli *c, struct order_found *out, const char *text)
{
    char path[CHAIN_CLIENT_PATH_MAX], next[CID_TEXT_MAX + 16];
    uint8_t id[32];
    struct cid cid;
    struct content_key key;
    struct ledger_reply r = { 0 };
    out->count = 0;
    bool by_id = hex_parse(id, 32, text) == OK;
    if (!by_id && cid_parse(&cid, span_str(text)) != OK)
        return cli_usage(c, "\"%s\" is neither a CID nor an order's id of 64 digits", text);
    if (!by_id && cid_key(&key, &cid) != OK)
        return cli_usage(c, "the network stores content by sha2-256 only; %s has another hash",
                         text);
    if (by_id)
        chain_client_order_path(path, id);
    else
        chain_client_orders_of_key_path(path, &key);
    enum cli_exit exit = ledger_get(c, &r, path);
    if (exit == CLI_OK) {
        struct span body = span_of(r.body.p, r.body.n);
        exit = ledger_end(c, &r, by_id ? take_one(out, body) : take_page(out, body));
    }
    if ((exit != CLI_OK && exit != CLI_NOT_FOUND) || out->count > 0)
        return exit;
    (void)snprintf(next, sizeof(next), "crust put %s", by_id ? "PATH" : text);
    return cli_fail(c, CLI_NOT_FOUND, next,
                    by_id ? "the chain has no such order; it was never placed, or it is closed"
                          : "nobody has ordered that this content be kept");
}

enum cli_exit order_one(const struct cli *c, struct order_found *out, const char *text)
{
    enum cli_exit exit = order_find(c, out, text);
    if (exit != CLI_OK || out->count == 1)
        return exit;
    size_t count = out->count;
    order_free(out);
    return cli_fail(c, CLI_USAGE, "crust order show CID",
                    "there are %zu orders for this content: name one by its id", count);
}

void order_cid(char out[CID_TEXT_MAX], const struct chain_client_order *o)
{
    const struct cid cid = cid_of_key(&o->key);
    cid_format(out, &cid);
}

const char *order_state_text(const struct chain_client_order *o)
{
    switch (o->state) {
    case CHAIN_CLIENT_OPEN:
        return "open";
    case CHAIN_CLIENT_LIVE:
        return "live";
    case CHAIN_CLIENT_EXPIRED:
        return "expired";
    }
    return "";
}

void order_duration(char out[32], uint64_t ms)
{
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    unsigned long long s = ms / 1000;
    if (s < 2ull * MINUTE)
        (void)snprintf(out, 32, "%llu s", s);
    else if (s < 2ull * HOUR)
        (void)snprintf(out, 32, "%llu min", s / MINUTE);
    else if (s < 2ull * DAY)
        (void)snprintf(out, 32, "%llu h %llu min", s / HOUR, s % HOUR / MINUTE);
    else
        (void)snprintf(out, 32, "%llu d %llu h", s / DAY, s % DAY / HOUR);
}

void order_when(char out[ORDER_WHEN_MAX], const struct chain_client_status *now, uint64_t height)
{
    char time[32];
    uint64_t blocks = height > now->height ? height - now->height : now->height - height;
    order_duration(time, blocks * now->block_ms);
    if (height > now->height)
        (void)snprintf(out, ORDER_WHEN_MAX, "block %llu, in about %s", (unsigned long long)height,
                       time);
    else
        (void)snprintf(out, ORDER_WHEN_MAX, "block %llu, about %s ago", (unsigned long long)height,
                       time);
}

struct order_window order_next_report(const struct chain_client_status *now, uint64_t next_slot)
{
    /* status speaks of the next block: it is number slot_offset of its slot. */
    uint64_t start = now->height + 1 - now->slot_offset;
    uint64_t slot = next_slot > now->slot ? next_slot : now->slot;
    if (slot == now->slot && now->slot_offset >= now->report_blocks)
        slot++; /* its report part is over */
    start += (slot - now->slot) * now->slot_blocks;
    return (struct order_window){ slot, start,
                                  start + (now->report_blocks > 0 ? now->report_blocks - 1 : 0) };
}
