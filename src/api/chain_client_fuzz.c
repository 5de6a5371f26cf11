#include "api/chain_client_tx.h"

#include "base/arena.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A decoder that refuses leaves zeros behind. */
static void check_zero(enum err e, const void *p, size_t n)
{
    static const uint8_t zeros[sizeof(struct chain_client_order)];
    for (size_t i = 0; e != OK && i < n; i += sizeof(zeros))
        ASSERT(memcmp((const uint8_t *)p + i, zeros,
                      n - i < sizeof(zeros) ? n - i : sizeof(zeros)) == 0);
}

/* Any bytes as any answer. What was decoded is within its bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static union {
        struct chain_client_error error;
        struct chain_client_status status;
        struct chain_client_account account;
        struct chain_client_order order;
        struct chain_client_worker worker;
        struct chain_client_work work;
        struct chain_client_tx tx;
        struct chain_client_price price;
        struct chain_client_block block;
    } u;
    static struct chain_client_order orders[4];
    static struct chain_client_event events[16];
    static struct params params;
    static uint8_t room[4096];
    const struct span in = span_of(data, size);
    struct chain_client_page page;
    size_t count;
    uint64_t next;
    struct arena arena = arena_of(room, sizeof(room));
    check_zero(chain_client_decode_error(&u.error, in), &u.error, sizeof(u.error));
    check_zero(chain_client_decode_status(&u.status, in), &u.status, sizeof(u.status));
    check_zero(chain_client_decode_account(&u.account, in), &u.account, sizeof(u.account));
    check_zero(chain_client_decode_order(&u.order, in), &u.order, sizeof(u.order));
    ASSERT(u.order.holder_count <= CHAIN_CLIENT_HOLDERS_MAX && u.order.origin_count <= 4);
    check_zero(chain_client_decode_worker(&u.worker, in), &u.worker, sizeof(u.worker));
    check_zero(chain_client_decode_work(&u.work, in), &u.work, sizeof(u.work));
    ASSERT(u.work.due_count <= REPORT_ENTRIES_MAX && u.work.return_count <= WORK_VOLUMES);
    check_zero(chain_client_decode_tx(&u.tx, in), &u.tx, sizeof(u.tx));
    check_zero(chain_client_decode_price(&u.price, in), &u.price, sizeof(u.price));
    check_zero(chain_client_decode_block(&u.block, in), &u.block, sizeof(u.block));
    check_zero(chain_client_decode_params(&params, in), &params, sizeof(params));
    if (chain_client_decode_orders(&page, orders, 4, in) == OK)
        ASSERT(page.count <= 4);
    if (chain_client_decode_events(events, 16, &count, &next, &arena, in) == OK)
        ASSERT(count <= 16);
    return 0;
}
