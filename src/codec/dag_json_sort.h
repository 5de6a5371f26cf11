/* dag_json_sort: an index of the entries of maps, in memory that the caller gives: DAG-CBOR wants
 * keys by length and then by bytes, DAG-JSON by bytes alone. Part of codec/dag_json. */
#ifndef CRUST_CODEC_DAG_JSON_SORT_H
#define CRUST_CODEC_DAG_JSON_SORT_H

#include "codec/cbor.h"

/* Offsets in the CBOR bytes that are indexed: of the entry, of its key's text, which the value
 * follows, and of what comes after it. */
struct dag_json_entry {
    uint32_t at, key_at, key_n, end;
};

struct dag_json_sort {
    struct mspan memory;
    uint32_t used; /* entries of all maps that are open */
};

void dag_json_sort_init(struct dag_json_sort *s, struct mspan memory);

/* Adds count entries, which c reads from in, and moves c behind them. ERR_LIMIT; as c fails. */
NODISCARD enum err dag_json_sort_index(struct dag_json_sort *s, struct span in,
                                       struct cbor_reader *c, uint32_t count);

/* Adds one entry. ERR_LIMIT. */
NODISCARD enum err dag_json_sort_add(struct dag_json_sort *s, struct dag_json_entry e);

/* Says where the entry added last ends. */
void dag_json_sort_end(struct dag_json_sort *s, uint32_t end);

/* Sorts the entries from base on. ERR_FORMAT when a key comes twice. */
NODISCARD enum err dag_json_sort(struct dag_json_sort *s, struct span in, uint32_t base,
                                 int (*cmp)(struct span a, struct span b));

struct dag_json_entry dag_json_sort_get(const struct dag_json_sort *s, uint32_t i);

/* The memory behind the entries. */
struct mspan dag_json_sort_rest(const struct dag_json_sort *s);

#endif
