/* A lying host against the real crust-enclaved: what it may try while content is sealed, added and
 * read. Each test names one attack; reports are attacked in hostile_report_test.c. */
#include "enclaved/fake_enclave_test.h"

#include "codec/cbor.h"

static struct fake_enclave e;
static struct fake_replica file, other;

static int setup(void **state)
{
    (void)state;
    fake_enclave_open(&e, 0, "1");
    CHECK_OK(fake_start(&e.host));
    file = other = (struct fake_replica){ 0 };
    fake_dag_file(&file.dag, 1, 5, 5000);
    fake_dag_file(&other.dag, 2, 4, 4000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_enclave_close(&e);
    fake_replica_free(&file);
    fake_replica_free(&other);
    return 0;
}

static const struct span nothing = { NULL, 0 };

/* Sends raw bytes as the body of a request and expects the process to end for it. */
static void check_ends(uint16_t type, struct span body, struct span bulk)
{
    struct ipc_msg answer;
    const struct ipc_msg m = { .type = type, .body = body, .bulk = bulk };
    CHECK(ipc_sync_call(e.ipc, &answer, &m, FAKE_ENCLAVE_PATIENCE_MS) != OK);
    CHECK_OK(process_wait(&e.process, FAKE_ENCLAVE_PATIENCE_MS));
    CHECK(e.process.exit_code == 3 && e.process.signal == 0);
    ipc_sync_close(e.ipc);
    process_fini(&e.process);
    fake_enclave_spawn(&e, -1);
    fake_enclave_connect(&e);
    CHECK_OK(fake_start(&e.host));
}

/* ---- messages ---- */

static void test_message_out_of_phase_ends_the_process(void **state)
{
    (void)state;
    uint8_t body[64];
    struct writer w = writer_of(body, sizeof(body));
    struct enclave_request m = { .type = ENCLAVE_LOAD };
    enclave_msg_encode(&w, &m);
    check_ends(ENCLAVE_LOAD, writer_span(&w), nothing);      /* a second state: a fork */
    check_ends(ENCLAVE_PROVISION, writer_span(&w), nothing); /* other keys */
    ipc_sync_close(e.ipc);
    fake_enclave_connect(&e); /* a new connection has shown no keys yet */
    w = writer_of(body, sizeof(body));
    m = (struct enclave_request){ .type = ENCLAVE_CUT };
    enclave_msg_encode(&w, &m);
    check_ends(ENCLAVE_CUT, writer_span(&w), nothing);
}

static void test_unknown_or_malformed_message_ends_the_process(void **state)
{
    (void)state;
    static const uint8_t none[] = { 0x80 }, padded[] = { 0x98, 0x00 }, two[] = { 0x80, 0x80 };
    static const uint8_t wide[] = { 0x81, 0x18, 0x01 }; /* a number longer than it need be */
    check_ends(ENCLAVE_TYPE_END, span_of(none, 1), nothing);
    check_ends(999, span_of(none, 1), nothing);
    check_ends(ENCLAVE_CUT, span_of(padded, 2), nothing);
    check_ends(ENCLAVE_CUT, span_of(two, 2), nothing);
    check_ends(ENCLAVE_CUT, nothing, nothing);
    check_ends(ENCLAVE_SEAL_CLOSE, span_of(wide, 3), nothing);
    check_ends(ENCLAVE_CUT, span_of(none, 1), span_of(none, 1)); /* bulk where none belongs */
}

static void test_replayed_and_truncated_frames_do_no_harm(void **state)
{
    (void)state;
    static uint8_t frame[4096];
    struct prng g;
    prng_init(&g, 5);
    CHECK_OK(fake_seal(&e.host, &file, 3));
    /* Every strict prefix of a body, for every type that takes one, and noise of every length. */
    for (uint16_t type = ENCLAVE_SEAL_BEGIN; type < ENCLAVE_TYPE_END; type += 3) {
        prng_fill(&g, frame, sizeof(frame));
        struct ipc_msg answer;
        const struct ipc_msg m = { .type = type, .body = span_of(frame, prng_below(&g, 400)) };
        if (ipc_sync_call(e.ipc, &answer, &m, FAKE_ENCLAVE_PATIENCE_MS) == OK) {
            CHECK((answer.flags & IPC_ERROR) != 0);
            continue;
        }
        CHECK_OK(process_wait(&e.process, FAKE_ENCLAVE_PATIENCE_MS));
        CHECK(e.process.exit_code == 3);
        process_fini(&e.process);
        fake_enclave_spawn(&e, -1);
        fake_enclave_connect(&e);
        CHECK_OK(fake_start(&e.host));
    }
}

/* ---- blocks ---- */

static enum err seal_bytes(const struct content_key *key, struct span bytes)
{
    struct enclave_reply r;
    struct enclave_request m = { .type = ENCLAVE_SEAL_BLOCK };
    m.u.seal_block.number = file.number;
    m.u.seal_block.key = *key;
    return fake_ask(&e.host, &r, NULL, &m, bytes);
}

static enum err seal_as(uint32_t codec, struct span bytes)
{
    struct content_key key = fake_dag_key(codec, bytes);
    return seal_bytes(&key, bytes);
}

static void test_junk_under_a_content_key_is_refused(void **state)
{
    (void)state;
    CHECK_OK(fake_seal_begin(&e.host, &file));
    const struct fake_block *b = &file.dag.blocks[0];
    CHECK_ERR(seal_bytes(&b->record.key, span_of(b->bytes, b->record.length - 1)), ERR_CORRUPT);
    struct content_key key = b->record.key;
    key.digest[31] ^= 1;
    CHECK_ERR(seal_bytes(&key, span_of(b->bytes, b->record.length)), ERR_CORRUPT);
    /* Nothing of that counted: the honest DAG still closes. */
    for (size_t i = 0; i < file.dag.count; i++)
        CHECK_OK(fake_seal_block(&e.host, &file, i));
    CHECK_OK(fake_seal_close(&e.host, &file));
    CHECK_OK(fake_seal_end(&e.host, &file));
}

static void test_block_above_two_mebibytes_is_refused(void **state)
{
    (void)state;
    const size_t max = 2 << 20;
    uint8_t *big = calloc(1, max + 4096);
    CHECK(big != NULL);
    CHECK_OK(fake_seal_begin(&e.host, &file));
    CHECK_ERR(seal_as(CID_CODEC_RAW, span_of(big, max + 1)), ERR_LIMIT);
    CHECK_ERR(seal_as(CID_CODEC_RAW, span_of(big, max + 4096)), ERR_LIMIT);
    CHECK_OK(seal_as(CID_CODEC_RAW, span_of(big, max)));
    free(big);
}

static void test_malformed_blocks_are_refused(void **state)
{
    (void)state;
    uint8_t buf[600];
    CHECK_OK(fake_seal_begin(&e.host, &file));
    CHECK_ERR(seal_as(CID_CODEC_DAG_JSON, span_str("{}")), ERR_UNSUPPORTED);
    CHECK(seal_as(CID_CODEC_DAG_PB, span_str("\x12\x7f")) != OK);     /* a length past the end */
    CHECK(seal_as(CID_CODEC_DAG_PB, span_str("\x1a\x01\x01")) != OK); /* an unknown field */
    CHECK(seal_as(CID_CODEC_DAG_PB, span_str("\x0a\x80")) != OK);     /* an open varint */
    CHECK(seal_as(CID_CODEC_DAG_CBOR, span_str("\x9f\xff")) != OK);   /* indefinite length */
    CHECK(seal_as(CID_CODEC_DAG_CBOR, span_str("\x81")) != OK);       /* ends early */
    CHECK(seal_as(CID_CODEC_DAG_CBOR, span_str("\x01\x01")) != OK);   /* trailing */
    memset(buf, 0x81, sizeof(buf)); /* arrays in arrays: a depth bomb */
    buf[sizeof(buf) - 1] = 0x80;
    CHECK_ERR(seal_as(CID_CODEC_DAG_CBOR, span_of(buf, sizeof(buf))), ERR_LIMIT);
    CHECK_OK(seal_as(CID_CODEC_DAG_CBOR, span_of(buf + sizeof(buf) - 60, 60)));
}

static void test_non_canonical_dag_pb_counts_its_links_all_the_same(void **state)
{
    (void)state;
    /* Data before Links, as early writers made: foreign content, its digest names it. */
    struct fake_replica f = { 0 };
    size_t child = fake_dag_raw(&f.dag, 3, 500);
    uint8_t buf[256], links[128], cid_bytes[64];
    struct cid cid = cid_of_key(&f.dag.blocks[child].record.key);
    struct writer c = writer_of(cid_bytes, sizeof(cid_bytes)), l = writer_of(links, sizeof(links)),
                  w = writer_of(buf, sizeof(buf));
    cid_write(&c, &cid);
    dagpb_write_link(&l, writer_span(&c), span_str(""), 500);
    dagpb_write_data(&w, span_str("\x08\x02"));
    write_span(&w, writer_span(&l));
    fake_dag_add(&f.dag, CID_CODEC_DAG_PB, writer_span(&w));
    f.dag.blocks[0].degree = f.dag.blocks[1].degree = 1;
    CHECK_OK(fake_seal(&e.host, &f, 2));
    fake_replica_free(&f);
}

/* A dag-cbor block that is one link. */
static struct span link_block(uint8_t buf[300], const struct cid *cid)
{
    struct writer w = writer_of(buf, 300);
    cbor_write_link(&w, cid);
    CHECK_OK(w.err);
    return writer_span(&w);
}

static void test_links_to_what_cannot_be_sealed_are_refused(void **state)
{
    (void)state;
    uint8_t buf[300], inner[300];
    CHECK_OK(fake_seal_begin(&e.host, &file));
    struct cid cid = cid_of_key(fake_dag_root(&file.dag));
    CHECK_OK(seal_as(CID_CODEC_DAG_CBOR, link_block(buf, &cid)));
    cid.hash = CID_HASH_BLAKE3;
    CHECK_ERR(seal_as(CID_CODEC_DAG_CBOR, link_block(buf, &cid)), ERR_UNSUPPORTED);
    cid.hash = CID_HASH_SHA2_256;
    cid.digest_size = 20; /* a digest cut short */
    memset(cid.digest + 20, 0, sizeof(cid.digest) - 20);
    CHECK_ERR(seal_as(CID_CODEC_DAG_CBOR, link_block(buf, &cid)), ERR_UNSUPPORTED);
    cid = cid_of_key(fake_dag_root(&file.dag));
    cid.codec = CID_CODEC_DAG_JSON;
    CHECK_ERR(seal_as(CID_CODEC_DAG_CBOR, link_block(buf, &cid)), ERR_UNSUPPORTED);
    /* An inlined block is fine, unless something could go missing below it. */
    cid = cid_identity(CID_CODEC_RAW, span_str("inline"));
    CHECK_OK(seal_as(CID_CODEC_DAG_CBOR, link_block(buf, &cid)));
    cid = cid_of_key(fake_dag_root(&file.dag));
    cid = cid_identity(CID_CODEC_DAG_CBOR, link_block(inner, &cid));
    CHECK_ERR(seal_as(CID_CODEC_DAG_CBOR, link_block(buf, &cid)), ERR_UNSUPPORTED);
}

/* ---- records ---- */

struct lie {
    const char *name;
    void (*tell)(uint8_t (*records)[ENCLAVE_COUNTED_SIZE], size_t *count);
};

static void tell_truth(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    (void)r;
    (void)n;
}
static void drop_last(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    (void)r;
    (*n)--;
}
static void drop_first(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    memmove(r[0], r[1], (*n - 1) * ENCLAVE_COUNTED_SIZE);
    (*n)--;
}
static void swap_two(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    uint8_t t[ENCLAVE_COUNTED_SIZE];
    (void)n;
    memcpy(t, r[0], sizeof(t));
    memcpy(r[0], r[1], sizeof(t));
    memcpy(r[1], t, sizeof(t));
}
static void repeat_one(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    memmove(r[1], r[0], *n * ENCLAVE_COUNTED_SIZE);
    (*n)++;
}
static void add_one(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    memcpy(r[*n], r[*n - 1], ENCLAVE_COUNTED_SIZE);
    r[*n][4 + 31] ^= 1; /* another digest, sorted anew below or not: refused either way */
    if (memcmp(r[*n], r[*n - 1], 36) < 0) {
        uint8_t t[ENCLAVE_COUNTED_SIZE];
        memcpy(t, r[*n], sizeof(t));
        memcpy(r[*n], r[*n - 1], sizeof(t));
        memcpy(r[*n - 1], t, sizeof(t));
    }
    (*n)++;
}
static void degree_more(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    (void)n;
    r[1][72]++;
}
static void degree_zero(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    (void)n;
    memset(&r[1][72], 0, 8);
}
static void degree_moved(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    (void)n;
    r[0][72]++;
    r[1][72]--; /* the sum of all is right, each is wrong */
}
static void degree_wraps(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    (void)n;
    memset(&r[0][72], 0xff, 8);
}
static void other_length(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    (void)n;
    r[2][36]++;
}
static void other_chunk_root(uint8_t (*r)[ENCLAVE_COUNTED_SIZE], size_t *n)
{
    (void)n;
    r[2][40] ^= 1;
}

static enum err end_with(const struct lie *lie)
{
    static uint8_t records[FAKE_BLOCKS + 2][ENCLAVE_COUNTED_SIZE];
    size_t order[FAKE_BLOCKS], count = file.dag.count;
    struct enclave_reply r;
    fake_dag_sort(&file.dag, order);
    for (size_t i = 0; i < count; i++)
        fake_dag_counted(records[i], &file.dag.blocks[order[i]]);
    lie->tell(records, &count);
    struct enclave_request m = { .type = ENCLAVE_SEAL_RECORDS, .u.number.number = file.number };
    enum err refused =
        fake_ask(&e.host, &r, NULL, &m, span_of(records, count * sizeof(records[0])));
    enum err ended = fake_number(&e.host, &r, ENCLAVE_SEAL_END, file.number);
    return refused != OK ? refused : ended;
}

static void test_records_that_are_not_exactly_the_dag_give_no_ticket(void **state)
{
    (void)state;
    static const struct lie lies[] = {
        { "the last is missing", drop_last },
        { "the first is missing", drop_first },
        { "out of order", swap_two },
        { "one twice", repeat_one },
        { "one too many", add_one },
        { "in-degree too high", degree_more },
        { "in-degree of zero", degree_zero },
        { "in-degrees moved", degree_moved },
        { "in-degree huge", degree_wraps },
        { "another length", other_length },
        { "another chunk root", other_chunk_root },
    };
    struct enclave_reply r;
    CHECK_OK(fake_seal_begin(&e.host, &file));
    for (size_t i = 0; i < file.dag.count; i++)
        CHECK_OK(fake_seal_block(&e.host, &file, i));
    CHECK_OK(fake_seal_close(&e.host, &file));
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        if (end_with(&lies[i]) == OK)
            fail_msg("accepted: %s", lies[i].name);
        /* The checkpoint of the last segment gives the session another try. */
        if (fake_number(&e.host, &r, ENCLAVE_SEAL_END, file.number) == ERR_STATE) {
            ipc_sync_close(e.ipc);
            fake_enclave_connect(&e);
            CHECK_OK(fake_start(&e.host));
        }
        CHECK_OK(fake_seal_resume(&e.host, &file, &r));
    }
    CHECK_OK(end_with(&(struct lie){ "truth", tell_truth }));
}

static void test_block_left_out_or_sealed_twice_gives_no_ticket(void **state)
{
    (void)state;
    CHECK_OK(fake_seal_begin(&e.host, &file));
    for (size_t i = 1; i < file.dag.count; i++)
        CHECK_OK(fake_seal_block(&e.host, &file, i));
    CHECK_OK(fake_seal_close(&e.host, &file));
    CHECK_ERR(fake_seal_end(&e.host, &file), ERR_CORRUPT);
    CHECK_OK(fake_seal_begin(&e.host, &other));
    for (size_t i = 0; i < other.dag.count; i++)
        CHECK_OK(fake_seal_block(&e.host, &other, i));
    CHECK_OK(fake_seal_block(&e.host, &other, 1));
    CHECK_OK(fake_seal_close(&e.host, &other));
    CHECK_ERR(fake_seal_end(&e.host, &other), ERR_CORRUPT);
}

static void test_block_that_nothing_links_to_gives_no_ticket(void **state)
{
    (void)state;
    /* Junk beside the DAG would count towards its size. */
    for (uint64_t claimed = 0; claimed < 2; claimed++) {
        static struct fake_replica f;
        f = (struct fake_replica){ 0 };
        fake_dag_raw(&f.dag, 99, 1000);
        size_t child = fake_dag_raw(&f.dag, 98, 1000);
        fake_dag_node(&f.dag, &child, 1);
        f.dag.blocks[0].degree = claimed;
        f.dag.blocks[2].degree = 1;
        CHECK_ERR(fake_seal(&e.host, &f, 9), claimed == 0 ? ERR_FORMAT : ERR_CORRUPT);
        fake_replica_free(&f);
    }
}

/* ---- checkpoints ---- */

static void test_checkpoint_is_bound_to_its_session_and_does_not_go_back(void **state)
{
    (void)state;
    struct enclave_reply r;
    static struct fake_replica old;
    CHECK_OK(fake_seal_begin(&e.host, &file));
    CHECK_OK(fake_seal_block(&e.host, &file, 0));
    CHECK_OK(fake_seal_close(&e.host, &file));
    old = file;
    CHECK_ERR(fake_seal_resume(&e.host, &file, &r), ERR_EXISTS); /* it is open */
    CHECK_OK(fake_seal_block(&e.host, &file, 1));
    CHECK_OK(fake_seal_close(&e.host, &file));
    CHECK_OK(fake_seal_begin(&e.host, &other)); /* its record carries how far `file` has come */
    ipc_sync_close(e.ipc);
    fake_enclave_connect(&e);
    CHECK_OK(fake_start(&e.host));
    CHECK_ERR(fake_seal_resume(&e.host, &old, &r), ERR_STATE); /* fewer segments */
    file.checkpoint[60] ^= 1;
    CHECK_ERR(fake_seal_resume(&e.host, &file, &r), ERR_SIGNATURE);
    file.checkpoint[60] ^= 1;
    file.checkpoint_size--;
    CHECK_ERR(fake_seal_resume(&e.host, &file, &r), ERR_FORMAT);
    file.checkpoint_size++;
    /* Shown as another session's, it still opens only its own. */
    memcpy(other.checkpoint, file.checkpoint, file.checkpoint_size);
    other.checkpoint_size = file.checkpoint_size;
    CHECK_OK(fake_seal_resume(&e.host, &other, &r));
    CHECK(r.u.resume.number == file.number && r.u.resume.number != other.number);
    CHECK_ERR(fake_number(&e.host, &r, ENCLAVE_SEAL_CLOSE, other.number), ERR_NOT_FOUND);
}

static void test_new_connection_forgets_open_segments_and_keys(void **state)
{
    (void)state;
    struct enclave_reply r;
    CHECK_OK(fake_seal_begin(&e.host, &file));
    CHECK_OK(fake_seal_block(&e.host, &file, 0));
    ipc_sync_close(e.ipc);
    fake_enclave_connect(&e);
    CHECK_OK(fake_start(&e.host));
    CHECK_ERR(fake_seal_block(&e.host, &file, 1), ERR_NOT_FOUND);
    CHECK_ERR(fake_number(&e.host, &r, ENCLAVE_SEAL_CLOSE, file.number), ERR_NOT_FOUND);
    CHECK_OK(fake_number(&e.host, &r, ENCLAVE_ABORT, file.number));
    CHECK_ERR(fake_number(&e.host, &r, ENCLAVE_ABORT, file.number), ERR_NOT_FOUND);
}

/* ---- keys ---- */

static struct enclave_request unseal_request(const struct fake_replica *f, size_t i,
                                             struct span *bulk)
{
    const struct fake_block *b = &f->dag.blocks[i];
    const struct fake_segment *s = &f->segments[b->segment];
    struct enclave_request m = { .type = ENCLAVE_UNSEAL };
    m.u.unseal = (struct enclave_unseal){ .content = *fake_dag_root(&f->dag),
                                          .segment = b->segment,
                                          .length = s->length,
                                          .offset = b->offset };
    memcpy(m.u.unseal.wrapped, s->wrapped, sizeof(s->wrapped));
    memcpy(m.u.unseal.digest, b->record.key.digest, 32);
    *bulk = span_of(s->bytes + b->offset, b->record.length);
    return m;
}

static void test_wrapped_key_opens_only_its_own_segment(void **state)
{
    (void)state;
    struct enclave_reply r;
    struct span bulk;
    CHECK_OK(fake_seal(&e.host, &file, 3));
    CHECK_OK(fake_seal(&e.host, &other, 3));
    struct enclave_request good = unseal_request(&file, 0, &bulk), m = good;
    CHECK_OK(fake_ask(&e.host, &r, NULL, &m, bulk));
    m.u.unseal.content = *fake_dag_root(&other.dag);
    CHECK_ERR(fake_ask(&e.host, &r, NULL, &m, bulk), ERR_SIGNATURE);
    m = good;
    m.u.unseal.segment++;
    CHECK_ERR(fake_ask(&e.host, &r, NULL, &m, bulk), ERR_SIGNATURE);
    m = good;
    m.u.unseal.length++;
    CHECK_ERR(fake_ask(&e.host, &r, NULL, &m, bulk), ERR_SIGNATURE);
    m = good;
    m.u.unseal.wrapped[0] ^= 1; /* another epoch */
    CHECK_ERR(fake_ask(&e.host, &r, NULL, &m, bulk), ERR_SIGNATURE);
    m = good;
    memcpy(m.u.unseal.wrapped, other.segments[0].wrapped, ENCLAVE_WRAPPED_SIZE);
    CHECK_ERR(fake_ask(&e.host, &r, NULL, &m, bulk), ERR_SIGNATURE);
    m = good;
    m.u.unseal.offset = m.u.unseal.length; /* past the end */
    CHECK_ERR(fake_ask(&e.host, &r, NULL, &m, bulk), ERR_RANGE);
}

static void test_unseal_is_no_oracle_for_the_keystream(void **state)
{
    (void)state;
    struct enclave_reply r;
    struct span bulk, out;
    CHECK_OK(fake_seal(&e.host, &file, 3));
    struct enclave_request m = unseal_request(&file, 0, &bulk);
    /* Zeros would come back as keystream; anything that is not the block comes back as nothing. */
    uint8_t *zeros = calloc(1, bulk.n);
    CHECK_ERR(fake_ask(&e.host, &r, &out, &m, span_of(zeros, bulk.n)), ERR_CORRUPT);
    CHECK(out.n == 0);
    CHECK_ERR(fake_ask(&e.host, &r, &out, &m, span_sub(bulk, 0, bulk.n - 1)), ERR_CORRUPT);
    CHECK_ERR(fake_ask(&e.host, &r, &out, &m, nothing), ERR_CORRUPT);
    free(zeros);
}

static void test_sealing_again_gives_other_bytes(void **state)
{
    (void)state;
    CHECK_OK(fake_seal(&e.host, &file, 9));
    static struct fake_replica again;
    again = (struct fake_replica){ 0 };
    fake_dag_file(&again.dag, 1, 5, 5000);
    CHECK_OK(fake_seal(&e.host, &again, 9));
    CHECK(file.segments[0].length == again.segments[0].length);
    CHECK(memcmp(file.segments[0].bytes, again.segments[0].bytes, 64) != 0);
    CHECK(memcmp(file.leaf, again.leaf, 76) == 0);           /* the same content ... */
    CHECK(memcmp(file.leaf + 76, again.leaf + 76, 32) != 0); /* ... in another replica */
    fake_replica_free(&again);
}

static void test_another_workers_things_are_refused(void **state)
{
    (void)state;
    static struct fake_enclave second;
    static struct fake_volume volume;
    struct enclave_reply r;
    struct span bulk;
    volume = (struct fake_volume){ 0 };
    CHECK_OK(fake_seal(&e.host, &file, 3));
    fake_enclave_open(&second, 0, "0");
    CHECK_OK(fake_start(&second.host));
    struct fake_replica *list[] = { &file };
    CHECK_ERR(fake_add_files(&second.host, &volume, 0, 0, list, 1), ERR_SIGNATURE);
    CHECK_ERR(fake_seal_resume(&second.host, &file, &r), ERR_SIGNATURE);
    struct enclave_request m = unseal_request(&file, 0, &bulk);
    CHECK_ERR(fake_ask(&second.host, &r, NULL, &m, bulk), ERR_SIGNATURE);
    /* Nor do its sealed keys open under another sealing key. */
    struct fake_host thief = second.host;
    memcpy(thief.sealed, e.host.sealed, e.host.sealed_size);
    ipc_sync_close(second.ipc);
    fake_enclave_connect(&second);
    CHECK_ERR(fake_start(&thief), ERR_SIGNATURE);
    fake_enclave_close(&second);
}

/* ---- state ---- */

static void test_ticket_adds_one_leaf_once(void **state)
{
    (void)state;
    static struct fake_volume volume;
    struct enclave_reply r;
    volume = (struct fake_volume){ 0 };
    CHECK_OK(fake_seal(&e.host, &file, 3));
    struct fake_replica *list[] = { &file, &file };
    file.ticket[20] ^= 1;
    CHECK_ERR(fake_add_files(&e.host, &volume, 0, 0, list, 1), ERR_SIGNATURE); /* forged */
    file.ticket[20] ^= 1;
    CHECK_ERR(fake_add_files(&e.host, &volume, 0, 0, list, 2), ERR_EXISTS);
    CHECK_OK(fake_add_files(&e.host, &volume, 0, 0, list, 1));
    CHECK_ERR(fake_add_files(&e.host, &volume, 0, 1, list, 1), ERR_EXISTS);
    CHECK_ERR(fake_add_files(&e.host, &volume, 7, 0, list, 1), ERR_EXISTS);
    CHECK_OK(fake_remove_file(&e.host, &volume, 0, 0));
    CHECK_ERR(fake_add_files(&e.host, &volume, 0, 0, list, 1), ERR_EXISTS);
    CHECK_OK(fake_seal(&e.host, &other, 3));
    CHECK_OK(fake_number(&e.host, &r, ENCLAVE_ABORT, other.number)); /* given up */
    list[0] = &other;
    CHECK_ERR(fake_add_files(&e.host, &volume, 0, 0, list, 1), ERR_EXISTS);
}

static void test_wrong_paths_are_refused(void **state)
{
    (void)state;
    static struct fake_volume volume, empty;
    volume = empty = (struct fake_volume){ 0 };
    CHECK_OK(fake_seal(&e.host, &file, 3));
    CHECK_OK(fake_seal(&e.host, &other, 3));
    struct fake_replica *one[] = { &file }, *two[] = { &other };
    CHECK_OK(fake_add_files(&e.host, &volume, 0, 0, one, 1));
    CHECK_ERR(fake_add_files(&e.host, &empty, 0, 1, two, 1), ERR_CORRUPT); /* as if it were empty */
    CHECK(fake_add_files(&e.host, &volume, 0, 0, two, 1) != OK);           /* taken */
    struct merkle_sum right = volume.files.leaves[0];
    volume.files.leaves[0].sum--; /* less than is held */
    CHECK_ERR(fake_add_files(&e.host, &volume, 0, 1, two, 1), ERR_CORRUPT);
    volume.files.leaves[0] = right;
    file.leaf[36]++; /* another size than was added */
    CHECK_ERR(fake_remove_file(&e.host, &volume, 0, 0), ERR_CORRUPT);
    file.leaf[36]--;
    CHECK_OK(fake_add_files(&e.host, &volume, 0, 1, two, 1));
}

static void test_changed_journal_and_keys_are_refused(void **state)
{
    (void)state;
    for (size_t at = 0; at < e.host.record_size; at += 97) {
        struct fake_host liar = e.host;
        liar.record[at] ^= 0x40;
        ipc_sync_close(e.ipc);
        fake_enclave_connect(&e);
        CHECK_ERR(fake_start(&liar), ERR_SIGNATURE);
    }
    struct fake_host liar = e.host;
    liar.chain[0] ^= 1; /* the same worker on another chain */
    ipc_sync_close(e.ipc);
    fake_enclave_connect(&e);
    CHECK_ERR(fake_start(&liar), ERR_SIGNATURE);
}

static void cut(struct enclave_reply *r)
{
    struct enclave_request m = { .type = ENCLAVE_CUT };
    CHECK_OK(fake_ask(&e.host, r, NULL, &m, nothing));
}

static void test_rolled_back_journal_forks_into_steps_that_the_chain_refuses(void **state)
{
    (void)state;
    static struct fake_volume volume, fork;
    static struct fake_host before;
    struct enclave_reply r;
    struct report_step step;
    struct work_state chain;
    volume = fork = (struct fake_volume){ 0 };
    CHECK_OK(fake_seal(&e.host, &file, 3));
    CHECK_OK(fake_seal(&e.host, &other, 3));
    before = e.host;
    struct fake_replica *one[] = { &file }, *two[] = { &other };
    CHECK_OK(fake_add_files(&e.host, &volume, 0, 0, one, 1));
    cut(&r);
    work_state_init(&chain, e.host.lineage);
    CHECK_OK(report_step_decode(&step, r.u.cut.step));
    CHECK_OK(work_state_step(&chain, &step)); /* accepted */
    ipc_sync_close(e.ipc);
    fake_enclave_connect(&e);
    e.host = before;
    CHECK_OK(fake_start(&e.host)); /* the old journal is genuine */
    CHECK_OK(fake_add_files(&e.host, &fork, 0, 0, two, 1));
    cut(&r);
    CHECK_OK(report_step_decode(&step, r.u.cut.step));
    CHECK_ERR(work_state_step(&chain, &step), ERR_STATE); /* but its fork is dead */
}

/* ---- shared memory ---- */

/* A host that offers a ring gets none: there is no memory that it could change while the enclave
 * looks at it. What it seals meanwhile goes through the stream. */
static void test_a_ring_is_declined(void **state)
{
    (void)state;
    char path[64], line[512];
    teardown(NULL);
    fake_enclave_open(&e, 1 << 18, "1");
    CHECK_OK(fake_start(&e.host));
    file = other = (struct fake_replica){ 0 };
    fake_dag_file(&file.dag, 1, 5, 5000);
    CHECK_OK(fake_seal_begin(&e.host, &file));
    static uint8_t block[100000];
    CHECK_OK(seal_as(CID_CODEC_RAW, span_of(block, sizeof(block))));
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)e.process.pid);
    FILE *maps = fopen(path, "r");
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
        CHECK(strstr(line, "rw-s") == NULL);
    if (maps != NULL) /* a process that is not dumpable shows them to root only */
        fclose(maps);
    CHECK_OK(fake_number(&e.host, &(struct enclave_reply){ 0 }, ENCLAVE_SEAL_CLOSE, file.number));
}

int main(void)
{
    if (random_init() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_message_out_of_phase_ends_the_process),
        T(test_unknown_or_malformed_message_ends_the_process),
        T(test_replayed_and_truncated_frames_do_no_harm),
        T(test_junk_under_a_content_key_is_refused),
        T(test_block_above_two_mebibytes_is_refused),
        T(test_malformed_blocks_are_refused),
        T(test_non_canonical_dag_pb_counts_its_links_all_the_same),
        T(test_links_to_what_cannot_be_sealed_are_refused),
        T(test_records_that_are_not_exactly_the_dag_give_no_ticket),
        T(test_block_left_out_or_sealed_twice_gives_no_ticket),
        T(test_block_that_nothing_links_to_gives_no_ticket),
        T(test_checkpoint_is_bound_to_its_session_and_does_not_go_back),
        T(test_new_connection_forgets_open_segments_and_keys),
        T(test_wrapped_key_opens_only_its_own_segment),
        T(test_unseal_is_no_oracle_for_the_keystream),
        T(test_sealing_again_gives_other_bytes),
        T(test_another_workers_things_are_refused),
        T(test_ticket_adds_one_leaf_once),
        T(test_wrong_paths_are_refused),
        T(test_changed_journal_and_keys_are_refused),
        T(test_rolled_back_journal_forks_into_steps_that_the_chain_refuses),
        T(test_a_ring_is_declined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
