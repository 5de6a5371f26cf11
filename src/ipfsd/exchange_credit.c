/* What is remembered of peers, over restarts. docs/spec/bitswap.md 4.4. */
#include "base/writer.h"
#include "ipfsd/exchange_impl.h"
#include "ipfsd/save.h"
#include "rt/clock.h"
#include "rt/log.h"
#include "rt/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAVE_MS = 600000, FILE_MAX = EXCHANGE_CREDITS * BITSWAP_CREDIT_SIZE };

uint64_t exchange_credit_hours(void)
{
    return clock_wall_ms() / 3600000 - clock_mono_ms() / 3600000;
}

/* What is there; without it all are strangers. */
static void read_ledger(struct exchange *x)
{
    struct mspan file;
    struct bitswap_credit c;
    enum err e = path_read_file(&file, x->o.credit_file, FILE_MAX);
    if (e == ERR_NOT_FOUND)
        return;
    if (e != OK) {
        log_warn("credit-not-read", "path=\"%s\" reason=\"%s\"", x->o.credit_file, err_text(e));
        return;
    }
    const uint64_t hour = clock_wall_ms() / 3600000;
    for (size_t at = 0; at + BITSWAP_CREDIT_SIZE <= file.n; at += BITSWAP_CREDIT_SIZE)
        if (bitswap_credit_decode(&c, span_of(file.p + at, BITSWAP_CREDIT_SIZE)) == OK &&
            c.hour <= hour)
            *bitswap_credit_of(&x->node.ledger, c.peer, hour) = c;
    free(file.p);
}

enum err exchange_credit_load(struct exchange *x)
{
    x->credit_ms = exchange_now(x) + SAVE_MS;
    if (x->o.credit_file == NULL)
        return OK;
    read_ledger(x);
    return save_open(&x->credit_save, x->o.loop, x->o.credit_file, "credit-not-written");
}

static void write_ledger(struct exchange *x)
{
    struct save_content *f = save_content_new(FILE_MAX);
    if (f == NULL)
        return;
    for (size_t i = 0; i < x->node.ledger.count; i++) {
        const struct bitswap_credit *c = &x->node.ledger.list[i];
        if (c->sent + c->received + c->kept + c->broken == 0)
            continue;
        bitswap_credit_encode(f->bytes + f->size, c);
        f->size += BITSWAP_CREDIT_SIZE;
    }
    save_go(x->credit_save, f);
}

void exchange_credit_turn(struct exchange *x)
{
    if (x->credit_save == NULL || exchange_now(x) < x->credit_ms)
        return;
    x->credit_ms = exchange_now(x) + SAVE_MS;
    write_ledger(x);
}

void exchange_credit_end(struct exchange *x)
{
    if (x->credit_save == NULL)
        return;
    bitswap_node_settle(&x->node, exchange_now(x));
    write_ledger(x);
    save_close(x->credit_save);
    x->credit_save = NULL;
}
