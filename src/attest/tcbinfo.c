#include "attest/tcbinfo.h"

#include "attest/jtext.h"

static bool is(struct span name, const char *word)
{
    return span_eq(name, span_str(word));
}

/* Members that must stand in an object, as bits that are set when they are met. */
static void require_all(struct jtext *j, uint32_t seen, uint32_t wanted)
{
    reader_require(&j->r, (seen & wanted) == wanted, ERR_FORMAT);
}

enum err tcbinfo_open(struct tcbinfo_signed *out, struct span text, const char *name)
{
    *out = (struct tcbinfo_signed){ 0 };
    if (text.n > TCBINFO_SIZE_MAX)
        return ERR_LIMIT;
    struct jtext j = jtext_of(text);
    struct jtext_object o;
    struct span member;
    uint32_t seen = 0;
    jtext_object(&j, &o);
    while (jtext_member(&j, &o, &member)) {
        if (is(member, name)) {
            out->body = jtext_skip(&j);
            seen |= 1;
        } else if (is(member, "signature")) {
            jtext_hex(&j, out->signature, sizeof(out->signature));
            seen |= 2;
        } else {
            jtext_skip(&j);
        }
    }
    require_all(&j, seen, 3);
    enum err e = jtext_finish(&j);
    if (e != OK)
        *out = (struct tcbinfo_signed){ 0 };
    return e;
}

/* ---- levels ---------------------------------------------------------------------------------- */

static void read_components(struct jtext *j, uint8_t out[16])
{
    struct jtext_array a;
    size_t count = 0;
    jtext_array(j, &a);
    while (jtext_element(j, &a)) {
        struct jtext_object o;
        struct span name;
        bool seen = false;
        reader_require(&j->r, count < 16, ERR_FORMAT);
        jtext_object(j, &o);
        while (jtext_member(j, &o, &name)) {
            if (!is(name, "svn")) {
                jtext_skip(j);
                continue;
            }
            uint32_t svn = jtext_number(j, 255);
            if (j->r.err == OK)
                out[count] = (uint8_t)svn;
            seen = true;
        }
        reader_require(&j->r, seen, ERR_FORMAT);
        count++;
    }
    reader_require(&j->r, count == 16, ERR_FORMAT);
}

enum { TCB_SGX = 1, TCB_TDX = 2, TCB_PCE = 4, TCB_SVN = 8 };

static void read_tcb(struct jtext *j, struct tcbinfo_level *out, uint32_t wanted)
{
    struct jtext_object o;
    struct span name;
    uint32_t seen = 0;
    jtext_object(j, &o);
    while (jtext_member(j, &o, &name)) {
        if (is(name, "sgxtcbcomponents")) {
            read_components(j, out->sgx);
            seen |= TCB_SGX;
        } else if (is(name, "tdxtcbcomponents")) {
            read_components(j, out->tdx);
            out->has_tdx = true;
            seen |= TCB_TDX;
        } else if (is(name, "pcesvn")) {
            out->pce_svn = (uint16_t)jtext_number(j, 65535);
            seen |= TCB_PCE;
        } else if (is(name, "isvsvn")) {
            out->isv_svn = (uint16_t)jtext_number(j, 65535);
            seen |= TCB_SVN;
        } else {
            jtext_skip(j);
        }
    }
    require_all(j, seen, wanted);
}

/* The text of the array is kept: lists are wanted for one level in a document only. */
static void read_advisories(struct jtext *j, struct tcbinfo_level *out)
{
    const uint8_t *start = j->r.p;
    struct jtext_array a;
    struct status_advisories unused = { .count = 0 };
    jtext_array(j, &a);
    while (jtext_element(j, &a)) {
        struct span id = jtext_text(j);
        if (j->r.err == OK)
            reader_require(&j->r, status_add(&unused, id) == OK, ERR_FORMAT);
    }
    if (j->r.err == OK)
        out->advisories = span_of(start, (size_t)(j->r.p - start));
}

enum err tcbinfo_advisories(struct status_advisories *list, const struct tcbinfo_level *level)
{
    if (level->advisories.n == 0)
        return OK;
    struct jtext j = jtext_of(level->advisories);
    struct jtext_array a;
    jtext_array(&j, &a);
    while (jtext_element(&j, &a)) {
        struct span id = jtext_text(&j);
        if (j.r.err == OK)
            TRY(status_add(list, id));
    }
    return jtext_finish(&j);
}

static void read_level(struct jtext *j, struct tcbinfo_level *out, uint32_t wanted)
{
    struct jtext_object o;
    struct span name;
    uint32_t seen = 0;
    jtext_object(j, &o);
    while (jtext_member(j, &o, &name)) {
        if (is(name, "tcb")) {
            read_tcb(j, out, wanted);
            seen |= 1;
        } else if (is(name, "tcbDate")) {
            out->date = jtext_time(j);
            seen |= 2;
        } else if (is(name, "tcbStatus")) {
            struct span word = jtext_text(j);
            if (j->r.err == OK)
                reader_require(&j->r, status_parse(&out->status, word) == OK, ERR_UNSUPPORTED);
            seen |= 4;
        } else if (is(name, "advisoryIDs")) {
            read_advisories(j, out);
        } else {
            jtext_skip(j);
        }
    }
    require_all(j, seen, 7);
}

static uint32_t read_levels(struct jtext *j, struct tcbinfo_level *out, uint32_t max,
                            uint32_t wanted)
{
    struct jtext_array a;
    uint32_t count = 0;
    jtext_array(j, &a);
    while (jtext_element(j, &a)) {
        reader_require(&j->r, count < max, ERR_LIMIT);
        if (j->r.err != OK)
            return 0;
        read_level(j, &out[count++], wanted);
    }
    return count;
}

/* ---- TCB info -------------------------------------------------------------------------------- */

enum {
    HAS_ID = 1,
    HAS_VERSION = 2,
    HAS_ISSUED = 4,
    HAS_NEXT = 8,
    HAS_FMSPC = 16,
    HAS_PCE_ID = 32,
    HAS_TYPE = 64,
    HAS_EVALUATION = 128,
    HAS_LEVELS = 256,
    HAS_MODULE = 512,
    HAS_MODULES = 1024,
    HAS_COMMON = HAS_ID | HAS_VERSION | HAS_ISSUED | HAS_NEXT | HAS_EVALUATION | HAS_LEVELS,
};

/* "TDX_" and two hex digits: the major version of the module. */
static uint8_t read_module_id(struct jtext *j)
{
    struct span id = jtext_text(j);
    reader_require(&j->r, id.n == 6 && is(span_sub(id, 0, 4), "TDX_"), ERR_FORMAT);
    if (j->r.err != OK)
        return 0;
    static const char digits[16] = "0123456789ABCDEF";
    const char *high = memchr(digits, id.p[4], sizeof(digits));
    const char *low = memchr(digits, id.p[5], sizeof(digits));
    reader_require(&j->r, high != NULL && low != NULL, ERR_FORMAT);
    return j->r.err == OK ? (uint8_t)((high - digits) * 16 + (low - digits)) : 0;
}

/* tdxModule, or an element of tdxModuleIdentities, which has an id and levels as well. */
static void read_module(struct jtext *j, struct tcbinfo_module *out, bool identity)
{
    struct jtext_object o;
    struct span name;
    uint32_t seen = 0;
    jtext_object(j, &o);
    while (jtext_member(j, &o, &name)) {
        if (is(name, "mrsigner")) {
            jtext_hex(j, out->mrsigner, sizeof(out->mrsigner));
            seen |= 1;
        } else if (is(name, "attributes")) {
            jtext_hex(j, out->attributes, sizeof(out->attributes));
            seen |= 2;
        } else if (is(name, "attributesMask")) {
            jtext_hex(j, out->attributes_mask, sizeof(out->attributes_mask));
            seen |= 4;
        } else if (identity && is(name, "id")) {
            out->major = read_module_id(j);
            seen |= 8;
        } else if (identity && is(name, "tcbLevels")) {
            out->level_count = read_levels(j, out->levels, TCBINFO_MODULE_LEVELS_MAX, TCB_SVN);
            seen |= 16;
        } else {
            jtext_skip(j);
        }
    }
    require_all(j, seen, identity ? 31 : 7);
}

/* modules[0] is kept for tdxModule. Each major version once. */
static void read_identities(struct jtext *j, struct tcbinfo *out)
{
    struct jtext_array a;
    jtext_array(j, &a);
    while (jtext_element(j, &a)) {
        reader_require(&j->r, out->module_count < TCBINFO_MODULES_MAX, ERR_LIMIT);
        if (j->r.err != OK)
            return;
        struct tcbinfo_module *m = &out->modules[out->module_count];
        read_module(j, m, true);
        reader_require(&j->r, m->major != 0, ERR_FORMAT);
        for (uint32_t i = 1; i < out->module_count && j->r.err == OK; i++)
            reader_require(&j->r, out->modules[i].major != m->major, ERR_FORMAT);
        out->module_count++;
    }
}

/* What both kinds of document begin with. */
struct head {
    uint32_t version;
    const char *ids[2]; /* of SGX, of TDX */
    bool *tdx;
    uint64_t *issued, *next_update;
    uint32_t *evaluation;
};

static void read_id(struct jtext *j, const struct head *h)
{
    struct span id = jtext_text(j);
    *h->tdx = is(id, h->ids[1]);
    reader_require(&j->r, *h->tdx || is(id, h->ids[0]), ERR_UNSUPPORTED);
}

/* 0: the member is none of these, and not read. */
static uint32_t read_head(struct jtext *j, const struct head *h, struct span name)
{
    if (is(name, "id")) {
        read_id(j, h);
        return HAS_ID;
    }
    if (is(name, "version")) {
        reader_require(&j->r, jtext_number(j, JTEXT_NUMBER_MAX) == h->version, ERR_UNSUPPORTED);
        return HAS_VERSION;
    }
    if (is(name, "issueDate")) {
        *h->issued = jtext_time(j);
        return HAS_ISSUED;
    }
    if (is(name, "nextUpdate")) {
        *h->next_update = jtext_time(j);
        return HAS_NEXT;
    }
    if (is(name, "tcbEvaluationDataNumber")) {
        *h->evaluation = jtext_number(j, JTEXT_NUMBER_MAX);
        return HAS_EVALUATION;
    }
    return 0;
}

static uint32_t read_tdx_member(struct jtext *j, struct tcbinfo *out, struct span name)
{
    if (is(name, "tdxModule")) {
        read_module(j, &out->modules[0], false);
        out->has_module = true;
        return HAS_MODULE;
    }
    if (is(name, "tdxModuleIdentities")) {
        read_identities(j, out);
        return HAS_MODULES;
    }
    jtext_skip(j);
    return 0;
}

static uint32_t read_member(struct jtext *j, struct tcbinfo *out, struct span name)
{
    const struct head head = {
        3, { "SGX", "TDX" }, &out->tdx, &out->issued, &out->next_update, &out->evaluation
    };
    uint32_t seen = read_head(j, &head, name);
    if (seen != 0)
        return seen;
    if (is(name, "fmspc")) {
        jtext_hex(j, out->fmspc, sizeof(out->fmspc));
        return HAS_FMSPC;
    }
    if (is(name, "pceId")) {
        jtext_hex(j, out->pce_id, sizeof(out->pce_id));
        return HAS_PCE_ID;
    }
    if (is(name, "tcbType")) { /* how SVNs compare: 0, by components, is the only rule there is */
        reader_require(&j->r, jtext_number(j, JTEXT_NUMBER_MAX) == 0, ERR_UNSUPPORTED);
        return HAS_TYPE;
    }
    if (is(name, "tcbLevels")) {
        out->level_count = read_levels(j, out->levels, TCBINFO_LEVELS_MAX, TCB_SGX | TCB_PCE);
        return HAS_LEVELS;
    }
    return read_tdx_member(j, out, name);
}

enum err tcbinfo_decode(struct tcbinfo *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    out->module_count = 1;
    struct jtext j = jtext_of(body);
    struct jtext_object o;
    struct span name;
    uint32_t seen = 0;
    jtext_object(&j, &o);
    while (jtext_member(&j, &o, &name))
        seen |= read_member(&j, out, name);
    require_all(&j, seen, HAS_COMMON | HAS_FMSPC | HAS_PCE_ID | HAS_TYPE);
    reader_require(&j.r, out->has_module == out->tdx, ERR_FORMAT);
    for (uint32_t i = 0; i < out->level_count && j.r.err == OK; i++)
        reader_require(&j.r, out->levels[i].has_tdx == out->tdx, ERR_FORMAT);
    enum err e = jtext_finish(&j);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}

/* ---- QE identity ------------------------------------------------------------------------------
 */

enum {
    QE_MISC = 1 << 11,
    QE_MISC_MASK = 1 << 12,
    QE_ATTRIBUTES = 1 << 13,
    QE_ATTRIBUTES_MASK = 1 << 14,
    QE_SIGNER = 1 << 15,
    QE_PROD_ID = 1 << 16,
    QE_ALL = HAS_COMMON | QE_MISC | QE_MISC_MASK | QE_ATTRIBUTES | QE_ATTRIBUTES_MASK | QE_SIGNER |
             QE_PROD_ID,
};

static uint32_t read_be32_hex(struct jtext *j)
{
    uint8_t bytes[4];
    jtext_hex(j, bytes, sizeof(bytes));
    return load_be32(bytes);
}

static uint32_t read_qe_values(struct jtext *j, struct tcbinfo_qe *out, struct span name)
{
    if (is(name, "miscselect")) {
        out->misc_select = read_be32_hex(j);
        return QE_MISC;
    }
    if (is(name, "miscselectMask")) {
        out->misc_select_mask = read_be32_hex(j);
        return QE_MISC_MASK;
    }
    if (is(name, "attributes")) {
        jtext_hex(j, out->attributes, sizeof(out->attributes));
        return QE_ATTRIBUTES;
    }
    if (is(name, "attributesMask")) {
        jtext_hex(j, out->attributes_mask, sizeof(out->attributes_mask));
        return QE_ATTRIBUTES_MASK;
    }
    if (is(name, "mrsigner")) {
        jtext_hex(j, out->mrsigner, sizeof(out->mrsigner));
        return QE_SIGNER;
    }
    if (is(name, "isvprodid")) {
        out->prod_id = (uint16_t)jtext_number(j, 65535);
        return QE_PROD_ID;
    }
    jtext_skip(j);
    return 0;
}

static uint32_t read_qe_member(struct jtext *j, struct tcbinfo_qe *out, struct span name)
{
    const struct head head = {
        2, { "QE", "TD_QE" }, &out->tdx, &out->issued, &out->next_update, &out->evaluation
    };
    uint32_t seen = read_head(j, &head, name);
    if (seen != 0)
        return seen;
    if (is(name, "tcbLevels")) {
        out->level_count = read_levels(j, out->levels, TCBINFO_MODULE_LEVELS_MAX, TCB_SVN);
        return HAS_LEVELS;
    }
    return read_qe_values(j, out, name);
}

enum err tcbinfo_qe_decode(struct tcbinfo_qe *out, struct span body)
{
    memset(out, 0, sizeof(*out));
    struct jtext j = jtext_of(body);
    struct jtext_object o;
    struct span name;
    uint32_t seen = 0;
    jtext_object(&j, &o);
    while (jtext_member(&j, &o, &name))
        seen |= read_qe_member(&j, out, name);
    require_all(&j, seen, QE_ALL);
    enum err e = jtext_finish(&j);
    if (e != OK)
        memset(out, 0, sizeof(*out));
    return e;
}
