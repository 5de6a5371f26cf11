#include "seal/seal_report.h"

#include "proof/content.h"
#include "proof/opening.h"
#include "proof/srd.h"
#include "seal/seal_session.h"
#include "seal/seal_state.h"

static enum err take_entry(struct seal_report *r, struct span bytes, struct draw_counts counts,
                           uint32_t draws_return)
{
    struct seal_report_entry *e = &r->entries[r->entry_count];
    struct reader in = reader_of(bytes);
    e->slot = read_le64(&in);
    read_into(&in, e->beacon, 32);
    e->suspended = read_le16(&in);
    e->volume = read_u8(&in);
    TRY(reader_finish(&in));
    if (e->slot > r->slot || (r->entry_count > 0 && e->slot <= e[-1].slot))
        return ERR_FORMAT;
    if (e->slot == r->slot && memcmp(e->beacon, r->beacon, 32) != 0)
        return ERR_FORMAT;
    const struct draw_seed seed = { r->chain, e->beacon, r->base.lineage, e->slot };
    if (e->volume == ENCLAVE_NO_VOLUME) {
        draw_slot(&e->list, &seed, &r->base, e->suspended, counts);
        e->private_count = draw_private_count(&r->base, e->suspended);
    } else if (e->volume < WORK_VOLUMES) {
        draw_return(&e->list, &seed, &r->base, e->volume, draws_return);
        e->private_count = 0;
    } else {
        return ERR_RANGE;
    }
    r->public_count += e->list.count;
    if (e->private_count > UINT32_MAX - DRAW_LIST_MAX * 4 - r->draw_count)
        return ERR_LIMIT;
    r->draw_count += e->list.count + e->private_count;
    r->entry_count++;
    return OK;
}

static enum err take_step(struct seal_report *r, const struct seal_keys *keys,
                          const struct enclave_report_begin *m)
{
    struct report_step step;
    if (m->step.p == NULL)
        return OK;
    TRY(seal_state_open_step(&step, m->step, m->step_mac, keys));
    /* The chain opens the roots it stores, which are those that the step changes. */
    if (memcmp(step.prev, r->state, sizeof(r->state)) != 0)
        return ERR_STATE;
    memcpy(r->step, m->step.p, m->step.n);
    r->step_size = m->step.n;
    return OK;
}

/* Writes the heads of the entries whose answers come next. */
static void open_entries(struct seal_report *r)
{
    while (r->entries_open < r->entry_count && r->next == r->answers_begun) {
        const struct seal_report_entry *e = &r->entries[r->entries_open++];
        report_entry_encode(&r->answers, e->slot, e->beacon, e->list.count);
        r->answers_begun += e->list.count;
    }
}

static enum err begin(struct seal_report *r, const struct seal_keys *keys,
                      const struct enclave_report_begin *m)
{
    if (m->base.p == NULL)
        work_state_init(&r->base, keys->lineage);
    else
        TRY(seal_state_open_cut(&r->base, m->base, keys));
    work_state_hash(r->state, &r->base);
    TRY(take_step(r, keys, m));
    if (m->draws_files + m->draws_srd > DRAW_LIST_MAX || m->draws_return > DRAW_LIST_MAX)
        return ERR_RANGE;
    const struct draw_counts counts = { m->draws_files, m->draws_srd };
    for (size_t at = 0; at < m->entries.n; at += ENCLAVE_ENTRY_SIZE)
        TRY(take_entry(r, span_sub(m->entries, at, ENCLAVE_ENTRY_SIZE), counts, m->draws_return));
    /* The draws of a return are answered in a report of their own. */
    for (uint32_t i = 0; i < r->entry_count; i++) {
        if (r->entries[i].volume != ENCLAVE_NO_VOLUME && r->entry_count != 1)
            return ERR_FORMAT;
    }
    r->answers = writer_of(r->memory, sizeof(r->memory));
    open_entries(r);
    return OK;
}

enum err seal_report_begin(struct seal_report *r, const struct seal_keys *keys,
                           const uint8_t chain[32], const struct enclave_report_begin *m)
{
    memset(r, 0, sizeof(*r));
    memcpy(r->chain, chain, 32);
    memcpy(r->account, m->account, 32);
    memcpy(r->beacon, m->beacon, 32);
    r->slot = m->slot;
    r->suspend = m->suspend.set ? (uint8_t)m->suspend.number : REPORT_NO_VOLUME;
    r->return_ = m->return_.set ? (uint8_t)m->return_.number : REPORT_NO_VOLUME;
    enum err e = begin(r, keys, m);
    r->open = e == OK;
    return e;
}

enum err seal_report_draw_at(struct seal_report_draw *out, const struct seal_report *r,
                             const struct seal_keys *keys, uint32_t number)
{
    *out = (struct seal_report_draw){ 0 };
    if (!r->open)
        return ERR_STATE;
    if (number >= r->draw_count)
        return ERR_RANGE;
    for (uint8_t i = 0; i < r->entry_count; i++) {
        const struct draw_list *list = &r->entries[i].list;
        if (number < list->count) {
            *out = (struct seal_report_draw){ i, false, list->draws[number] };
            return OK;
        }
        number -= list->count;
    }
    for (uint8_t i = 0; i < r->entry_count; i++) {
        const struct seal_report_entry *e = &r->entries[i];
        if (number < e->private_count) {
            *out = (struct seal_report_draw){ i, true, { .j = number } };
            const struct draw_secret secret = { keys->inspect.b, e->beacon, e->slot };
            draw_private(&out->draw.place, &secret, number, &r->base, e->suspended);
            out->draw.kind = out->draw.place.srd ? REPORT_ANSWER_SRD : REPORT_ANSWER_FILE;
            return OK;
        }
        number -= e->private_count;
    }
    return ERR_RANGE;
}

/* From the leaf to the key: the wrapped key must be one that the leaf commits to, so a block sealed
 * anew for the occasion does not pass. */
static enum err check_segment(struct secret *key, const struct seal_keys *keys,
                              const struct enclave_report_file *m, const struct report_file *leaf)
{
    uint8_t hash[32];
    const struct seal_keys_segment at = { leaf->key, m->segment, m->segment_length };
    seal_session_segment_leaf(hash, m->segment, m->segment_length, m->wrapped);
    uint8_t path[ENCLAVE_HASH_PATH_MAX / 32][32];
    if (m->seal_path.n % 32 != 0 || m->seal_path.n > sizeof(path))
        return ERR_FORMAT;
    if (m->seal_path.n > 0)
        memcpy(path, m->seal_path.p, m->seal_path.n);
    const struct merkle_proof proof = { .index = m->segment,
                                        .count = m->segment_count,
                                        .path = (const uint8_t(*)[32])path,
                                        .path_count = m->seal_path.n / 32 };
    TRY(merkle_verify(leaf->seal_root, &seal_session_tags, hash, &proof));
    return seal_keys_unwrap(key, keys, &at, m->wrapped);
}

/* SPEC report 6.2: 20 of the largest openings fit, each with the heads of its fields. */
enum { HEADS_MAX = 64 };
_Static_assert(SEAL_REPORT_ANSWERS >=
                   20 * (REPORT_TREE_PATH_MAX + REPORT_RECORD_PATH_MAX + REPORT_CHUNK_MAX +
                         REPORT_CHUNK_PATH_MAX + REPORT_RECORD_SIZE + 3 * 32 + HEADS_MAX),
               "room for openings");
_Static_assert(SEAL_REPORT_ANSWERS >= 20 * (REPORT_TREE_PATH_MAX + REPORT_CHUNK_MAX +
                                            REPORT_SRD_CHUNK_PATH_MAX + 32 + HEADS_MAX),
               "room for openings");

/* The block is decrypted whether the draw is public or not: that is the inspection. Only a public
 * one is written into the report, if the check that the chain will make passes here. */
static enum err take_file(struct seal_report *r, const struct seal_keys *keys, struct aes_ctr *aes,
                          const struct seal_report_draw *d, const struct enclave_report_file *m,
                          struct mspan data)
{
    struct content_record record;
    uint64_t rest;
    uint8_t path[CONTENT_CHUNK_DEPTH_MAX][32];
    struct report_answer a = { .kind = d->draw.kind, .j = d->draw.j };
    struct report_file_opening *o = &a.u.file;
    *o = (struct report_file_opening){ .index = m->index,
                                       .leaf = seal_state_leaf_decode(m->leaf),
                                       .tree_path = m->path,
                                       .record_count = (uint32_t)m->record_count,
                                       .record_index = (uint32_t)m->record_index,
                                       .record = m->record,
                                       .record_path = m->record_path };
    if (d->draw.place.srd)
        return ERR_STATE;
    if (o->leaf.size > CONTENT_SIZE_MAX || m->record_count > UINT32_MAX ||
        m->record_index >= m->record_count)
        return ERR_RANGE;
    const struct merkle_sum *root = &r->base.volumes[d->draw.place.volume].files.root;
    TRY(opening_record(&record, &rest, root, d->draw.place.offset, o));
    if (data.n != record.length || m->offset > m->segment_length ||
        record.length > m->segment_length - m->offset)
        return ERR_RANGE;
    AUTO(secret_wipe) struct secret key = { { 0 } };
    TRY(check_segment(&key, keys, m, &o->leaf));
    TRY(seal_session_open_block(aes, &key, m->offset, data, record.key.digest));
    if (d->is_private)
        return OK;
    struct span block = span_of(data.p, data.n);
    size_t steps = chunk_tree_path(path, &chunk_tree_content, block, rest / CHUNK_SIZE);
    o->chunk = span_sub(block, rest / CHUNK_SIZE * CHUNK_SIZE, CHUNK_SIZE);
    o->chunk_path = span_of(path, steps * 32);
    TRY(opening_check(&r->base, &d->draw, &a));
    report_answer_encode(&r->answers, &a);
    return r->answers.err;
}

static enum err take_extent(struct seal_report *r, const struct seal_report_draw *d,
                            const struct enclave_report_extent *m, struct mspan data)
{
    const struct report_answer a = { .kind = d->draw.kind,
                                     .j = d->draw.j,
                                     .u.srd = { .index = m->index,
                                                .leaf = { .root = m->root, .size = m->size },
                                                .tree_path = m->path,
                                                .chunk = span_of(data.p, data.n),
                                                .chunk_path = m->chunk_path } };
    if (!d->draw.place.srd)
        return ERR_STATE;
    if (!srd_size_valid(m->size))
        return ERR_RANGE;
    TRY(opening_check(&r->base, &d->draw, &a));
    if (!d->is_private)
        report_answer_encode(&r->answers, &a);
    return r->answers.err;
}

static enum err take_miss(struct seal_report *r, const struct seal_report_draw *d)
{
    const struct report_answer a = { .kind = d->draw.kind, .j = d->draw.j, .miss = true };
    if (d->is_private)
        r->failed = (uint16_t)(r->failed | 1u << d->draw.place.volume);
    else
        report_answer_encode(&r->answers, &a);
    return r->answers.err;
}

enum err seal_report_answer(struct seal_report *r, const struct seal_keys *keys,
                            struct aes_ctr *aes, const struct enclave_request *m, struct mspan data)
{
    struct seal_report_draw d;
    const struct writer before = r->answers;
    const uint32_t number = m->u.report_miss.draw; /* all three requests begin with it */
    TRY(seal_report_draw_at(&d, r, keys, number));
    if (number != r->next)
        return ERR_STATE;
    enum err e = m->type == ENCLAVE_REPORT_FILE
                     ? take_file(r, keys, aes, &d, &m->u.report_file, data)
                 : m->type == ENCLAVE_REPORT_EXTENT ? take_extent(r, &d, &m->u.report_extent, data)
                                                    : take_miss(r, &d);
    if (e != OK) {
        r->answers = before;
        return e;
    }
    r->next++;
    open_entries(r);
    return OK;
}

enum err seal_report_end(struct seal_report *r, struct writer *out, struct mspan scratch,
                         const struct seal_keys *keys)
{
    uint8_t input[REPORT_SIGNING_SIZE], signature[ED25519_SIGNATURE_SIZE];
    if (!r->open || r->next != r->draw_count)
        return ERR_STATE;
    /* An older genuine state would have other private draws: the chain refuses any but its own. */
    const struct report_attempt attempt = { .slot = r->slot,
                                            .chain = r->chain,
                                            .state = r->state,
                                            .beacon = r->beacon,
                                            .account = r->account,
                                            .worker = keys->worker.public_key,
                                            .failed = r->failed,
                                            .return_volume = r->return_,
                                            .suspend_volume = r->suspend,
                                            .entry_count = r->entry_count };
    struct writer w = writer_of(scratch.p, scratch.n);
    report_attempt_encode_with(&w, &attempt, writer_span(&r->answers));
    TRY(w.err);
    struct span step = { r->step_size > 0 ? r->step : NULL, r->step_size };
    report_signing_input(input, step, writer_span(&w));
    ed25519_sign(signature, span_of(input, sizeof(input)), &keys->worker);
    report_encode(out, step, writer_span(&w), signature);
    bool is_return = r->public_count > 0 && r->entries[0].volume != ENCLAVE_NO_VOLUME;
    if (out->err == OK && out->len > (is_return ? REPORT_RETURN_SIZE_MAX : REPORT_SIZE_MAX))
        return ERR_LIMIT;
    r->open = out->err != OK;
    return out->err;
}
