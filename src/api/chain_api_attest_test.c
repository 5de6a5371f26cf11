/* Documents, lists and evidence as the chain API tells them. */
#include "api/chain_client_attest.h"
#include "api/chain_client_tx.h"
#include "api/chain_testsource.h"
#include "attest/testmachine.h"
#include "base/check.h"
#include "base/hex.h"
#include "chain/work_evidence.h"
#include "chain/work_store.h"
#include "codec/json.h"

#include <stdio.h>

static struct source *source;
static struct vendor v;
static uint8_t body_room[1 << 18];
static const uint64_t start = 1767225600;

static struct span get(uint16_t status, const char *target)
{
    struct chain_api_plan plan;
    struct span body =
        source_ask(source, &plan, (struct mspan){ body_room, sizeof(body_room) }, target);
    if (plan.status != status)
        fprintf(stderr, "%s: %u %s\n", target, plan.status, (const char *)body.p);
    CHECK(plan.status == status && plan.kind == CHAIN_API_BODY);
    return body;
}

static bool says(struct span body, const char *text)
{
    (void)body;
    return strstr((const char *)body_room, text) != NULL;
}

static void post(enum collateral_kind kind, struct span document, struct span issuer)
{
    struct tx_call call = { .kind = TX_COLLATERAL_POST };
    call.collateral.kind = kind;
    call.collateral.document = document;
    call.collateral.issuer = issuer;
    CHECK(world_do(&source->w, 0, &call) == RESULT_OK);
}

static void post_all(void)
{
    char text[VENDOR_DOCUMENT_MAX];
    uint8_t room[1024];
    uint64_t to = start + 30 * 86400;
    const struct testcert_list root = { VENDOR_ROOT, &v.root, start, to, NULL, 0 };
    const struct testcert_list ca = { VENDOR_CA, &v.ca, start, to, NULL, 0 };
    struct span none = { NULL, 0 };
    post(COLLATERAL_ROOT_CRL, testcert_crl(room, sizeof(room), &root), none);
    post(COLLATERAL_PCK_CRL, testcert_crl(room, sizeof(room), &ca), v.ca_cert);
    post(COLLATERAL_TCB_INFO, vendor_tcb_info(&v, text, start, to, 20, 7), v.signer_cert);
    post(COLLATERAL_QE_IDENTITY, vendor_qe_identity(&v, text, start, to, 20), v.signer_cert);
}

/* The text of a member of the first thing in the body that has one. */
static void member(char *out, size_t room, const char *name)
{
    char key[64];
    (void)snprintf(key, sizeof(key), "\"%s\":\"", name);
    const char *at = strstr((const char *)body_room, key);
    CHECK(at != NULL);
    at += strlen(key);
    size_t n = strcspn(at, "\"");
    CHECK(n < room);
    memcpy(out, at, n);
    out[n] = '\0';
}

static void documents_are_listed_and_given_as_they_were_signed(void **state)
{
    (void)state;
    char id[80], path[160], hex[2 * VENDOR_DOCUMENT_MAX + 1];
    uint8_t raw[VENDOR_DOCUMENT_MAX];
    CHECK(says(get(200, "/v1/collateral"), "{\"items\":[],\"next\":null}"));
    post_all();
    struct span body = get(200, "/v1/collateral");
    CHECK(says(body, "\"kind\":\"tcb-info\"") && says(body, "\"kind\":\"qe-identity\""));
    CHECK(says(body, "\"kind\":\"root-crl\"") && says(body, "\"kind\":\"pck-crl\""));
    CHECK(says(body, "\"fmspc\":\"00c0ffee0000\"") && says(body, "\"tee\":\"sgx\""));
    CHECK(says(body, "\"ca\":\"" VENDOR_CA "\"") && says(body, "\"lapsed\":false"));
    CHECK(says(body, "\"evaluation\":20"));
    /* Page by page, each once. */
    size_t pages = 0;
    (void)snprintf(path, sizeof(path), "/v1/collateral?limit=1");
    for (bool more = true; more; pages++) {
        body = get(200, path);
        more = !says(body, "\"next\":null");
        if (more) {
            member(id, sizeof(id), "next");
            (void)snprintf(path, sizeof(path), "/v1/collateral?limit=1&after=%s", id);
        }
    }
    CHECK(pages == 4);
    (void)get(200, "/v1/collateral?limit=1");
    member(id, sizeof(id), "id");
    (void)snprintf(path, sizeof(path), "/v1/collateral/%s", id);
    CHECK(says(get(200, path), "\"kind\":\"tcb-info\""));
    member(hex, sizeof(hex), "document");
    struct collateral_entry entry;
    uint8_t want[32];
    CHECK_OK(hex_parse(raw, strlen(hex) / 2, hex));
    struct attest_roots roots = { .intel = v.root_cert };
    struct registry_entry crl;
    collateral_id_root_crl(want);
    CHECK(registry_get(&source->w.chain.ledger, &crl, COLLATERAL_ROOT_CRL, want));
    const struct collateral_post again = { COLLATERAL_TCB_INFO, span_of(raw, strlen(hex) / 2),
                                           v.signer_cert };
    CHECK_OK(collateral_check(&entry, NULL, &again, &roots, crl.document, start + 9));
    CHECK_OK(hex_parse(want, 32, id));
    CHECK(memcmp(entry.id, want, 32) == 0);
    memset(id, 'a', 64);
    (void)snprintf(path, sizeof(path), "/v1/collateral/%s", id);
    CHECK(says(get(404, path), "no document is kept"));
    get(400, "/v1/collateral/zz");
    get(400, "/v1/collateral?after=zz");
}

static void lists_and_roots_are_told(void **state)
{
    (void)state;
    struct span body = get(200, "/v1/attest");
    CHECK(says(body, "\"own_roots\":true") && says(body, "\"releases\":[\"kind=sgx measurement="));
    CHECK(says(body, "\"advisories\":[\"INTEL-SA-00289\",\"INTEL-SA-00334\",\"INTEL-SA-00615\"]"));
    CHECK(says(body, "\"deny\":[]") && says(body, "\"sgx-outdated\":500"));
    char hex[4096];
    (void)get(200, "/v1/attest/roots");
    member(hex, sizeof(hex), "intel");
    CHECK(strlen(hex) == 2 * v.root_cert.n);
}

static void a_worker_shows_what_it_stands_on(void **state)
{
    (void)state;
    struct ledger *l = &source->w.chain.ledger;
    uint8_t key[32], release[32], hash[32] = { (uint8_t)source->w.chain.height };
    uint8_t room[VENDOR_QUOTE_MAX];
    char path[CHAIN_CLIENT_PATH_MAX], target[CHAIN_CLIENT_PATH_MAX + 16];
    struct chain_client_worker got;
    struct work_found found;
    struct work_state s;
    memset(key, 0x5a, 32);
    attest_release_id(release, span_str("1"));
    const struct vendor_machine m = { .number = 3, .program = 9, .svn = 5 };
    struct work_worker w = { .registered_at = 1 };
    memcpy(w.worker, key, 32);
    memcpy(w.lineage, key, 32);
    memcpy(w.account, source->w.keys[0].public_key, 32);
    const struct attest_binding b = { .worker = key,
                                      .account = w.account,
                                      .chain = source->w.chain_hash,
                                      .release_id = release,
                                      .block_hash = hash };
    const struct work_ask ask = { .account = w.account,
                                  .worker = key,
                                  .release = release,
                                  .block = source->w.chain.height,
                                  .evidence = machine_evidence(&v, room, &m, &b) };
    CHECK(work_evidence_check(l, &found, &ask) == RESULT_OK);
    work_evidence_keep(l, &w, &found);
    work_state_init(&s, w.lineage);
    work_put_state(l, &s);
    work_put_name(l, w.worker, w.lineage);
    work_put(l, &w);
    chain_client_worker_path(path, key);
    CHECK_OK(chain_client_decode_worker(&got, get(200, path)));
    CHECK(strcmp(got.provider, "sgx") == 0 && strcmp(got.class, "sgx-hardening") == 0);
    CHECK(strcmp(got.status, "SWHardeningNeeded") == 0 && got.weight == 1000 && !got.lapsed);
    CHECK(got.expires_at == found.expires_at && got.evidence_block == ask.block);
    (void)snprintf(target, sizeof(target), "%s/evidence", path);
    uint8_t bytes[VENDOR_QUOTE_MAX];
    size_t size;
    chain_client_evidence_path(path, key);
    CHECK(strcmp(path, target) == 0);
    CHECK_OK(chain_client_decode_evidence(&size, (struct mspan){ bytes, sizeof(bytes) },
                                          get(200, path)));
    CHECK(span_eq(span_of(bytes, size), ask.evidence));
    CHECK_ERR(
        chain_client_decode_evidence(&size, (struct mspan){ bytes, size - 1 }, get(200, path)),
        ERR_LIMIT);
    CHECK(size == 0);
    chain_client_worker_path(path, key);
    work_evidence_forget(l, &w);
    work_put(l, &w);
    get(404, target);
    CHECK_OK(chain_client_decode_worker(&got, get(200, path)));
    CHECK(got.lapsed && strcmp(got.class, "none") == 0 && got.weight == 200);
}

static int setup(void **state)
{
    (void)state;
    static struct source one;
    static _Alignas(16) uint8_t memory[SOURCE_MEMORY];
    static uint8_t kv_room[SOURCE_STATE];
    static char members[8192];
    char root[4097];
    vendor_init(&v, start - 86400, start + 3000ull * 86400);
    hex_format(root, v.root_cert);
    int n = snprintf(members, sizeof(members),
                     ",\"attest\":{\"roots\":{\"intel\":\"%s\"},"
                     "\"releases\":[\"kind=sgx measurement=",
                     root);
    for (int i = 0; i < 32; i++)
        n += snprintf(members + n, sizeof(members) - (size_t)n, "09");
    (void)snprintf(members + n, sizeof(members) - (size_t)n, " version=1 from=0 retires=0\"]}");
    world_members = members;
    CHECK(chain_memory_size() <= sizeof(memory));
    CHECK_OK(world_init(&one.w, (struct mspan){ kv_room, SOURCE_STATE }, memory, "",
                        "1000000000000000"));
    one.src.state = one.w.kv;
    one.w.chain.time_ms = start * 1000;
    source = &one;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vendor_fini(&v);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_listed_and_given_as_they_were_signed),
        cmocka_unit_test(lists_and_roots_are_told),
        cmocka_unit_test(a_worker_shows_what_it_stands_on),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
