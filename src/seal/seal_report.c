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

static void begin_attempt(struct seal_report *r)
{
    r->arena = arena_of(r->memory, sizeof(r->memory));
    r->attempt = (struct report_attempt){
        .slot = r->slot,
        .return_volume = r->return_,
        .suspend_volume = r->suspend,
        .entry_count = r->entry_count,
    };
    for (uint32_t i = 0; i < r->entry_count; i++)
        r->attempt.entries[i] =
            (struct report_entry){ .slot = r->entries[i].slot, .count = r->entries[i].list.count };
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
    begin_attempt(r);
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
            const struct draw *d = &list->draws[number];
            *out = (struct seal_report_draw){ i, false, d->j, d->kind, d->place };
            return OK;
        }
        number -= list->count;
    }
    for (uint8_t i = 0; i < r->entry_count; i++) {
        const struct seal_report_entry *e = &r->entries[i];
        if (number < e->private_count) {
            *out = (struct seal_report_draw){ .entry = i, .is_private = true, .j = number };
            const struct draw_secret secret = { keys->inspect.b, e->beacon, e->slot };
            draw_private(&out->place, &secret, number, &r->base, e->suspended);
            out->kind = out->place.srd ? REPORT_ANSWER_SRD : REPORT_ANSWER_FILE;
            return OK;
        }
        number -= e->private_count;
    }
    return ERR_RANGE;
}

/* The draw whose turn it is, if number says so and it is of this kind. */
static enum err turn(struct seal_report_draw *out, const struct seal_report *r,
                     const struct seal_keys *keys, uint32_t number, bool srd)
{
    TRY(seal_report_draw_at(out, r, keys, number));
    return number == r->next && out->place.srd == srd ? OK : ERR_STATE;
}

/* Copies bytes to where they stay until the report is signed. */
static enum err keep(struct seal_report *r, struct span *s)
{
    struct span copy = arena_dup(&r->arena, *s);
    if (copy.p == NULL && s->n > 0)
        return ERR_LIMIT;
    *s = copy;
    return OK;
}

static enum err keep_at(struct seal_report *r, const uint8_t **p, size_t n)
{
    struct span s = { *p, n };
    TRY(keep(r, &s));
    *p = s.p;
    return OK;
}

/* The place of a draw's answer in the attempt. Public draws come first, in order of entries. */
static struct report_answer *answer_of(struct seal_report *r, const struct seal_report_draw *d)
{
    uint32_t n = r->next;
    for (uint8_t i = 0; i < d->entry; i++)
        n -= r->entries[i].list.count;
    struct report_answer *a = &r->attempt.entries[d->entry].answers[n];
    *a = (struct report_answer){ .kind = d->kind, .j = d->j };
    return a;
}

/* A public answer is taken only if the check that the chain will make passes here. */
static enum err check_answer(const struct seal_report *r, const struct seal_report_draw *d,
                             const struct report_answer *a)
{
    const struct draw draw = { .kind = d->kind, .j = d->j, .place = d->place };
    return opening_check(&r->base, &draw, a);
}

/* From the volume's root down to the leaf: *start is where the leaf's bytes begin. */
static enum err check_leaf(uint64_t *start, const struct merkle_sum *root, uint32_t index,
                           const struct merkle_sum *leaf, struct span path_bytes, uint64_t offset)
{
    struct sumtree_path path;
    TRY(sumtree_path_decode(&path, path_bytes));
    TRY(sumtree_verify(start, root, index, leaf, &path));
    return offset >= *start && offset - *start < leaf->sum ? OK : ERR_RANGE;
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

/* SPEC report 6.2: 20 of the largest openings fit, each of its seven pieces aligned. */
_Static_assert(SEAL_REPORT_ARENA >=
                   20 * (REPORT_TREE_PATH_MAX + REPORT_RECORD_PATH_MAX + REPORT_CHUNK_MAX +
                         REPORT_CHUNK_PATH_MAX + REPORT_RECORD_SIZE + 32 + 32 + 7 * 16),
               "arena of openings");
_Static_assert(SEAL_REPORT_ARENA >= 20 * (REPORT_TREE_PATH_MAX + REPORT_CHUNK_MAX +
                                          REPORT_SRD_CHUNK_PATH_MAX + 32 + 4 * 16),
               "arena of openings");

/* Writes the opening of the chunk at rest within the block. */
static enum err open_chunk(struct seal_report *r, struct report_file_opening *o,
                           const struct enclave_report_file *m, struct span block, uint64_t rest)
{
    uint8_t path[CONTENT_CHUNK_DEPTH_MAX][32];
    uint64_t chunk = rest / CHUNK_SIZE;
    size_t steps = chunk_tree_path(path, &chunk_tree_content, block, chunk);
    o->index = m->index;
    o->tree_path = m->path;
    o->record_count = (uint32_t)m->record_count;
    o->record_index = (uint32_t)m->record_index;
    o->record = m->record;
    o->record_path = m->record_path;
    o->chunk = span_sub(block, chunk * CHUNK_SIZE, CHUNK_SIZE);
    o->chunk_path = span_of(path, steps * 32);
    TRY(keep(r, &o->tree_path));
    TRY(keep(r, &o->record_path));
    TRY(keep(r, &o->chunk));
    TRY(keep(r, &o->chunk_path));
    TRY(keep_at(r, &o->record, CONTENT_RECORD_SIZE));
    TRY(keep_at(r, &o->leaf.data_root, 32));
    return keep_at(r, &o->leaf.seal_root, 32);
}

static enum err file_answer(struct seal_report *r, const struct seal_report_draw *d,
                            const struct enclave_report_file *m, struct span block, uint64_t rest)
{
    struct report_answer *a = answer_of(r, d);
    a->u.file.leaf = seal_state_leaf_decode(m->leaf);
    TRY(open_chunk(r, &a->u.file, m, block, rest));
    return check_answer(r, d, a);
}

static enum err take_file(struct seal_report *r, const struct seal_keys *keys, struct aes_ctr *aes,
                          const struct enclave_report_file *m, struct mspan data)
{
    struct seal_report_draw d;
    struct content_record record;
    struct merkle_sum leaf;
    uint64_t start, record_start;
    TRY(turn(&d, r, keys, m->draw, false));
    struct report_file file = seal_state_leaf_decode(m->leaf);
    if (file.size > CONTENT_SIZE_MAX || m->record_count > UINT32_MAX ||
        m->record_index >= m->record_count)
        return ERR_RANGE;
    sumtree_file_leaf(&leaf, &file);
    TRY(check_leaf(&start, &r->base.volumes[d.place.volume].files.root, m->index, &leaf, m->path,
                   d.place.offset));
    TRY(content_record_decode(&record, m->record));
    const struct content_claim claim = { .size = file.size,
                                         .data_root = file.data_root,
                                         .record_count = (uint32_t)m->record_count,
                                         .index = (uint32_t)m->record_index,
                                         .path = m->record_path };
    TRY(content_record_verify(&record_start, &record, &claim));
    uint64_t offset = d.place.offset - start;
    if (offset < record_start || offset - record_start >= record.length)
        return ERR_RANGE;
    if (data.n != record.length || m->offset > m->segment_length ||
        record.length > m->segment_length - m->offset)
        return ERR_RANGE;
    AUTO(secret_wipe) struct secret key = { { 0 } };
    TRY(check_segment(&key, keys, m, &file));
    TRY(seal_session_open_block(aes, &key, m->offset, data, record.key.digest));
    struct span block = span_of(data.p, data.n);
    return d.is_private ? OK : file_answer(r, &d, m, block, offset - record_start);
}

enum err seal_report_file(struct seal_report *r, const struct seal_keys *keys, struct aes_ctr *aes,
                          const struct enclave_report_file *m, struct mspan data)
{
    size_t used = r->arena.used;
    enum err e = take_file(r, keys, aes, m, data);
    if (e != OK)
        r->arena.used = used;
    else
        r->next++;
    return e;
}

static enum err extent_answer(struct seal_report *r, const struct seal_report_draw *d,
                              const struct enclave_report_extent *m, struct span chunk)
{
    struct report_answer *a = answer_of(r, d);
    struct report_srd_opening *o = &a->u.srd;
    *o = (struct report_srd_opening){ .index = m->index,
                                      .leaf = { .root = m->root, .size = m->size },
                                      .tree_path = m->path,
                                      .chunk = chunk,
                                      .chunk_path = m->chunk_path };
    TRY(keep(r, &o->tree_path));
    TRY(keep(r, &o->chunk));
    TRY(keep(r, &o->chunk_path));
    TRY(keep_at(r, &o->leaf.root, 32));
    return check_answer(r, d, a);
}

static enum err take_extent(struct seal_report *r, const struct seal_keys *keys,
                            const struct enclave_report_extent *m, struct span data)
{
    struct seal_report_draw d;
    struct merkle_sum leaf;
    uint64_t start;
    TRY(turn(&d, r, keys, m->draw, true));
    if (!srd_size_valid(m->size))
        return ERR_RANGE;
    const struct report_extent extent = { .root = m->root, .size = m->size };
    sumtree_extent_leaf(&leaf, &extent);
    TRY(check_leaf(&start, &r->base.volumes[d.place.volume].srd.root, m->index, &leaf, m->path,
                   d.place.offset));
    uint64_t chunk = (d.place.offset - start) / CHUNK_SIZE;
    TRY(srd_verify(m->root, m->size, chunk, data, m->chunk_path));
    return d.is_private ? OK : extent_answer(r, &d, m, data);
}

enum err seal_report_extent(struct seal_report *r, const struct seal_keys *keys,
                            const struct enclave_report_extent *m, struct span data)
{
    size_t used = r->arena.used;
    enum err e = take_extent(r, keys, m, data);
    if (e != OK)
        r->arena.used = used;
    else
        r->next++;
    return e;
}

enum err seal_report_miss(struct seal_report *r, const struct seal_keys *keys,
                          const struct enclave_report_miss *m)
{
    struct seal_report_draw d;
    TRY(seal_report_draw_at(&d, r, keys, m->draw));
    if (m->draw != r->next)
        return ERR_STATE;
    if (d.is_private)
        r->failed = (uint16_t)(r->failed | 1u << d.place.volume);
    else
        answer_of(r, &d)->miss = true;
    r->next++;
    return OK;
}

enum err seal_report_end(struct seal_report *r, struct writer *out, struct mspan scratch,
                         const struct seal_keys *keys)
{
    uint8_t input[REPORT_SIGNING_SIZE], signature[ED25519_SIGNATURE_SIZE];
    if (!r->open || r->next != r->draw_count)
        return ERR_STATE;
    r->attempt.chain = r->chain;
    /* An older genuine state would have other private draws: the chain refuses any but its own. */
    r->attempt.state = r->state;
    r->attempt.beacon = r->beacon;
    r->attempt.account = r->account;
    r->attempt.worker = keys->worker.public_key;
    r->attempt.failed = r->failed;
    for (uint32_t i = 0; i < r->entry_count; i++)
        r->attempt.entries[i].beacon = r->entries[i].beacon;
    struct writer w = writer_of(scratch.p, scratch.n);
    report_attempt_encode(&w, &r->attempt);
    TRY(w.err);
    struct span step = { r->step_size > 0 ? r->step : NULL, r->step_size };
    report_signing_input(input, step, writer_span(&w));
    ed25519_sign(signature, span_of(input, sizeof(input)), &keys->worker);
    report_encode(out, step, writer_span(&w), signature);
    size_t size_max = report_answers_return(&r->attempt) ? REPORT_RETURN_SIZE_MAX : REPORT_SIZE_MAX;
    if (out->err == OK && out->len > size_max)
        return ERR_LIMIT;
    r->open = out->err != OK;
    return out->err;
}
