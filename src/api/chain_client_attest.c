#include "api/chain_client_attest.h"

#include "api/chain_client_read.h"
#include "chain/registry.h"

void chain_client_documents_path(char out[CHAIN_CLIENT_PATH_MAX], const char *cursor)
{
    struct chain_client_path p = chain_client_path_of("/v1/collateral");
    size_t n = strlen(cursor);
    if (n != 0 && n < CHAIN_CLIENT_CURSOR_MAX && strspn(cursor, "0123456789abcdef") == n) {
        chain_client_path_param(&p, "after");
        chain_client_path_add(&p, cursor);
    }
    chain_client_path_param(&p, "limit");
    chain_client_path_u64(&p, CHAIN_CLIENT_DOCUMENTS_MAX);
    chain_client_path_end(out, &p);
}

void chain_client_document_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t id[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/collateral/");
    chain_client_path_hash(&p, id);
    chain_client_path_end(out, &p);
}

static bool has(struct json_value object, const char *name)
{
    return json_kind(json_find(object, name)) == JSON_KIND_TEXT;
}

/* Texts longer than the room are no answer of ours, and fail. */
static void read_about(struct chain_client_document *d, struct json_value v)
{
    char tee[8], fmspc[16];
    if (has(v, "fmspc")) {
        chain_client_read_text(v, "tee", tee, sizeof(tee));
        chain_client_read_text(v, "fmspc", fmspc, sizeof(fmspc));
        chain_client_text(d->about, sizeof(d->about), tee);
        size_t n = strlen(d->about);
        d->about[n] = ' ';
        chain_client_text(d->about + n + 1, sizeof(d->about) - n - 1, fmspc);
        return;
    }
    static const char *const names[] = { "tee", "product", "ca" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (has(v, names[i])) {
            chain_client_read_text(v, names[i], d->about, sizeof(d->about));
            return;
        }
    }
}

static enum collateral_kind kind_of(struct json_value v, const char *name)
{
    for (int k = 0; k < COLLATERAL_KINDS; k++) {
        if (strcmp(name, registry_kind_name((enum collateral_kind)k)) == 0)
            return (enum collateral_kind)k;
    }
    json_fail(v, ERR_FORMAT, "an unknown kind of document");
    return COLLATERAL_TCB_INFO;
}

static void read_document(struct chain_client_document *d, struct json_value v)
{
    chain_client_read_text(v, "kind", d->kind, sizeof(d->kind));
    d->entry.kind = kind_of(v, d->kind);
    chain_client_read_hash(v, "id", d->entry.id);
    d->entry.issued = chain_client_read_u64(v, "issued");
    d->entry.lapses = chain_client_read_u64(v, "lapses");
    d->entry.evaluation = chain_client_read_u32(v, "evaluation");
    d->lapsed = chain_client_read_bool(v, "lapsed");
    d->height = chain_client_read_u64(v, "height");
    read_about(d, v);
}

static void read_documents(struct chain_client_documents *out, struct json_value root)
{
    struct json_value items = json_get(root, "items"), next = json_get(root, "next");
    out->count = json_count(items);
    if (out->count > CHAIN_CLIENT_DOCUMENTS_MAX)
        json_fail(items, ERR_LIMIT, "more entries than were asked for");
    if (json_kind(next) == JSON_KIND_TEXT)
        chain_client_read_text(root, "next", out->cursor, sizeof(out->cursor));
    for (size_t i = 0; i < out->count && root.doc->err == OK; i++)
        read_document(&out->items[i], json_at(items, i));
}

enum err chain_client_decode_documents(struct chain_client_documents *out, struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_documents(out, json_root(&doc)));
}

/* Bytes as hexadecimal digits, of any length up to the room. */
static struct span read_bytes(struct json_value object, const char *name, struct mspan room)
{
    struct json_value v = json_get(object, name);
    const char *text = json_text(v);
    size_t n = text == NULL ? 0 : strlen(text);
    if (n / 2 > room.n)
        json_fail(v, ERR_LIMIT, "too long");
    if (v.doc->err != OK)
        return (struct span){ NULL, 0 };
    json_hex(v, room.p, n / 2);
    return span_of(room.p, n / 2);
}

static void read_size(size_t *size, const char *name, struct mspan room, struct json_value root)
{
    *size = read_bytes(root, name, room).n;
}

enum err chain_client_decode_document(size_t *size, struct mspan room, struct span body)
{
    CHAIN_CLIENT_DECODE(size, body, read_size(size, "document", room, json_root(&doc)));
}

static void read_post(struct chain_client_post *out, struct mspan room, struct json_value root)
{
    out->document = read_bytes(root, "document", room);
    room.p += out->document.n;
    room.n -= out->document.n;
    out->issuer = read_bytes(root, "issuer", room);
}

enum err chain_client_decode_post(struct chain_client_post *out, struct mspan room,
                                  struct span body)
{
    CHAIN_CLIENT_DECODE(out, body, read_post(out, room, json_root(&doc)));
}

void chain_client_evidence_path(char out[CHAIN_CLIENT_PATH_MAX], const uint8_t worker[32])
{
    struct chain_client_path p = chain_client_path_of("/v1/workers/");
    chain_client_path_hash(&p, worker);
    chain_client_path_add(&p, "/evidence");
    chain_client_path_end(out, &p);
}

enum err chain_client_decode_evidence(size_t *size, struct mspan room, struct span body)
{
    CHAIN_CLIENT_DECODE(size, body, read_size(size, "evidence", room, json_root(&doc)));
}

static void read_roots(struct attest_roots *out, struct mspan room, struct json_value root)
{
    static const char *const names[SNP_PRODUCTS] = { "milan", "genoa", "turin" };
    out->intel = read_bytes(root, "intel", room);
    for (int i = 0; i < SNP_PRODUCTS; i++) {
        size_t used = i == 0 ? out->intel.n : out->amd[i - 1].n;
        room.p += used;
        room.n -= used;
        out->amd[i] = read_bytes(root, names[i], room);
    }
}

enum err chain_client_decode_roots(struct attest_roots *out, uint8_t room[CHAIN_CLIENT_ROOTS_ROOM],
                                   struct span body)
{
    const struct mspan all = { room, CHAIN_CLIENT_ROOTS_ROOM };
    CHAIN_CLIENT_DECODE(out, body, read_roots(out, all, json_root(&doc)));
}
