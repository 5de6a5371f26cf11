#include "chain/releases.h"

#include "attest/attest.h"
#include "base/hex.h"
#include "chain/work_evidence.h"
#include "codec/cbor.h"

enum { KEY_RELEASE = 'r', KEY_DENIED = 'd', KEY_ADVISORY = 'a', KEY_CONFIG = 't' };

enum { NAME_RELEASE, NAME_DENY, NAME_ADVISORY, NAME_CONFIG, NAMES };

static const char *const names[NAMES] = { "attest_release", "attest_deny", "attest_advisory",
                                          "attest_td_config" };

/* The lists of attest_deny: what stands in the text, the letter of the key, bytes of a value. */
static const struct denied_kind {
    const char *name;
    uint8_t letter;
    uint8_t size;
} denied_kinds[] = { { "device", 'd', 32 },
                     { "measurement", 'm', ATTEST_MEASUREMENT_MAX },
                     { "fmspc", 'f', 6 } };
enum { DENIED_KINDS = sizeof(denied_kinds) / sizeof(denied_kinds[0]) };

static int number_of(const char *name)
{
    int i = 0;
    while (i < NAMES && strcmp(names[i], name) != 0)
        i++;
    return i;
}

bool releases_is_list(const char *name)
{
    return number_of(name) < NAMES;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Words are apart by one space. False at the end, and then nothing is left; or at what is no word,
 * which stays. */
static bool next_word(struct span *rest, struct span *word)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ')
        n++;
    if (n == 0 || n + 1 == rest->n)
        return false; /* nothing, or a space that no word comes before or after */
    *word = span_sub(*rest, 0, n);
    *rest = span_sub(*rest, n + (n < rest->n), rest->n);
    return true;
}

/* All of the text is 2 * n digits, lower-case. */
static bool hex_of(uint8_t *out, size_t n, struct span text)
{
    if (text.n != 2 * n)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int digit = text.p[i] >= 'A' && text.p[i] <= 'F' ? -1 : hex_digit((char)text.p[i]);
        if (digit < 0)
            return false;
        out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

static bool decimal(uint64_t *out, struct span text, uint64_t max)
{
    *out = 0;
    if (text.n == 0 || text.n > 19 || (text.n > 1 && text.p[0] == '0'))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        *out = *out * 10 + (uint64_t)(text.p[i] - '0');
    }
    return *out <= max;
}

static bool kind_of(enum attest_kind *out, struct span text)
{
    for (int k = ATTEST_SGX; k <= ATTEST_SNP; k++) {
        *out = (enum attest_kind)k;
        if (span_eq(text, span_str(attest_kind_name(*out))))
            return true;
    }
    return false;
}

static bool version_of(struct releases_row *row, struct span text)
{
    if (text.n == 0 || text.n > RELEASES_VERSION_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~')
            return false;
    memcpy(row->version, text.p, text.n);
    attest_release_id(row->id, text);
    return true;
}

enum field { KIND, MEASUREMENT, VERSION, FROM, RETIRES, SIGNER, PRODUCT, SVN, RTMRS, FIELDS };

static bool set_field(struct releases_row *row, enum field field, struct span text)
{
    struct attest_release *r = &row->release;
    uint64_t number = 0;
    switch (field) {
    case KIND:
        return kind_of(&r->kind, text);
    case MEASUREMENT:
        return hex_of(r->measurement, r->kind == ATTEST_SGX ? 32 : ATTEST_MEASUREMENT_MAX, text);
    case VERSION:
        return version_of(row, text);
    case FROM:
        return decimal(&r->active_from, text, INT64_MAX);
    case RETIRES:
        return decimal(&r->retires, text, INT64_MAX);
    case SIGNER:
        r->with_signer = true;
        return r->kind == ATTEST_SGX && hex_of(r->signer, 32, text);
    case PRODUCT:
    case SVN:
        if (!r->with_signer || !decimal(&number, text, UINT16_MAX))
            return false;
        *(field == SVN ? &r->svn_min : &r->prod_id) = (uint16_t)number;
        return true;
    case RTMRS:
        r->with_rtmrs = true;
        return r->kind == ATTEST_TDX && hex_of(r->rtmr[0], sizeof(r->rtmr), text);
    case FIELDS:
        break;
    }
    return false;
}

/* SPEC governance 5.2: "words in this order, those in brackets may be missing" */
static bool release_parse(struct releases_row *row, const char *text)
{
    static const char *const words[FIELDS] = { "kind=",    "measurement=", "version=",
                                               "from=",    "retires=",     "signer=",
                                               "product=", "svn=",         "rtmrs=" };
    struct span rest = span_str(text), word;
    unsigned field = 0;
    *row = (struct releases_row){ .release.kind = ATTEST_SOFTWARE };
    while (next_word(&rest, &word)) {
        bool found = false;
        while (!found && field < FIELDS) {
            struct span name = span_str(words[field]);
            found = span_eq(span_sub(word, 0, name.n), name);
            if (found && !set_field(row, (enum field)field, span_sub(word, name.n, word.n)))
                return false;
            /* Only what comes after the heights may be left out. */
            if (!found && field <= RETIRES)
                return false;
            field++;
        }
        if (!found)
            return false;
    }
    return rest.n == 0 && field > RETIRES;
}

struct denied {
    const struct denied_kind *kind;
    bool removes;
    uint8_t value[ATTEST_MEASUREMENT_MAX];
};

static bool deny_parse(struct denied *out, const char *text)
{
    *out = (struct denied){ .removes = text[0] == '-' };
    struct span rest = span_str(text + out->removes), name, value;
    if (!next_word(&rest, &name) || !next_word(&rest, &value) || rest.n != 0)
        return false;
    for (size_t i = 0; i < DENIED_KINDS; i++)
        if (span_eq(name, span_str(denied_kinds[i].name)))
            out->kind = &denied_kinds[i];
    if (out->kind == NULL)
        return false;
    /* An MRENCLAVE is shorter than the others and filled up with zeros. */
    return hex_of(out->value, out->kind->size, value) ||
           (out->kind->size == ATTEST_MEASUREMENT_MAX && hex_of(out->value, 32, value));
}

static bool advisory_parse(struct span *id, bool *removes, const char *text)
{
    struct status_advisories list = { .count = 0 };
    *removes = text[0] == '-';
    *id = span_str(text + *removes);
    return id->n > 0 && status_add(&list, *id) == OK;
}

static bool config_parse(uint8_t out[48], const char *text)
{
    return hex_of(out, 48, span_str(text));
}

bool releases_check(const char *name, const char *text)
{
    struct releases_row row;
    struct denied denied;
    struct span id;
    bool removes;
    uint8_t config[48];
    switch (number_of(name)) {
    case NAME_RELEASE:
        return release_parse(&row, text);
    case NAME_DENY:
        return deny_parse(&denied, text);
    case NAME_ADVISORY:
        return advisory_parse(&id, &removes, text);
    case NAME_CONFIG:
        return config_parse(config, text);
    default:
        return false;
    }
}

/* ---- records --------------------------------------------------------------------------------- */

struct key {
    uint8_t bytes[STATE_KEY_MAX];
    size_t n;
};

static void key_add(struct key *k, const void *p, size_t n)
{
    ASSERT(n <= sizeof(k->bytes) - k->n);
    memcpy(k->bytes + k->n, p, n);
    k->n += n;
}

static struct key key_of(uint8_t letter)
{
    struct key k = { .bytes = { letter }, .n = 1 };
    return k;
}

static struct key program_key(enum attest_kind kind, const uint8_t *measurement)
{
    struct key k = key_of(KEY_RELEASE);
    const uint8_t number = (uint8_t)kind;
    key_add(&k, &number, 1);
    key_add(&k, measurement, ATTEST_MEASUREMENT_MAX);
    return k;
}

static struct key denied_key(const struct denied_kind *kind, const uint8_t *value)
{
    struct key k = key_of(KEY_DENIED);
    key_add(&k, &kind->letter, 1);
    key_add(&k, value, kind->size);
    return k;
}

static void put(struct ledger *l, const struct key *k, struct span value)
{
    state_put(l->st, STATE_ATTEST, span_of(k->bytes, k->n), value);
}

static void row_put(struct ledger *l, const struct releases_row *row)
{
    uint8_t buf[512];
    const struct attest_release *r = &row->release;
    struct writer w = writer_of(buf, sizeof(buf));
    struct key k = program_key(r->kind, r->measurement);
    key_add(&k, row->id, 32);
    cbor_write_array(&w, 7);
    cbor_write_str(&w, row->version);
    cbor_write_uint(&w, r->active_from);
    cbor_write_uint(&w, r->retires);
    cbor_write_bytes(&w, span_of(r->signer, r->with_signer ? 32 : 0));
    cbor_write_uint(&w, r->prod_id);
    cbor_write_uint(&w, r->svn_min);
    cbor_write_bytes(&w, span_of(r->rtmr[0], r->with_rtmrs ? sizeof(r->rtmr) : 0));
    ASSERT(w.err == OK);
    put(l, &k, writer_span(&w));
}

static void row_read(struct releases_row *row, struct span key, struct span value)
{
    struct attest_release *r = &row->release;
    *row = (struct releases_row){ .release.kind = (enum attest_kind)key.p[1] };
    ASSERT(key.n == 2 + ATTEST_MEASUREMENT_MAX + 32);
    memcpy(r->measurement, key.p + 2, ATTEST_MEASUREMENT_MAX);
    memcpy(row->id, key.p + 2 + ATTEST_MEASUREMENT_MAX, 32);
    struct cbor_reader c = cbor_reader_of(value, CBOR_STRICT);
    cbor_read_array_of(&c, 7);
    struct span version = cbor_read_text(&c);
    r->active_from = cbor_read_uint(&c);
    r->retires = cbor_read_uint(&c);
    struct span signer = cbor_read_bytes(&c);
    r->prod_id = (uint16_t)cbor_read_uint_max(&c, UINT16_MAX);
    r->svn_min = (uint16_t)cbor_read_uint_max(&c, UINT16_MAX);
    struct span rtmrs = cbor_read_bytes(&c);
    enum err e = cbor_finish(&c);
    ASSERT(e == OK && version.n <= RELEASES_VERSION_MAX);
    memcpy(row->version, version.p, version.n);
    r->with_signer = signer.n == 32;
    if (r->with_signer)
        memcpy(r->signer, signer.p, 32);
    r->with_rtmrs = rtmrs.n == sizeof(r->rtmr);
    if (r->with_rtmrs)
        memcpy(r->rtmr, rtmrs.p, sizeof(r->rtmr));
}

/* ---- enacting -------------------------------------------------------------------------------- */

static void apply_release(struct ledger *l, const char *text)
{
    struct releases_row row;
    uint8_t program[32];
    if (!release_parse(&row, text))
        return;
    row_put(l, &row);
    /* What it was before may have let in more. */
    work_evidence_program(program, row.release.kind, row.release.measurement);
    work_evidence_sweep(l, WORK_TAG_MEASUREMENT, program);
    if (row.release.retires > l->height + 1)
        work_evidence_sweep_at(l, row.release.retires, WORK_TAG_MEASUREMENT, program);
}

static void sweep_denied(struct ledger *l, const struct denied *d)
{
    uint8_t of[32];
    if (d->kind->letter == 'd')
        work_evidence_sweep(l, WORK_TAG_DEVICE, d->value);
    for (int tdx = 0; d->kind->letter == 'f' && tdx < 2; tdx++) {
        collateral_id_tcb_info(of, tdx != 0, d->value);
        work_evidence_sweep(l, WORK_TAG_PLATFORM, of);
    }
    for (int k = ATTEST_SGX; d->kind->letter == 'm' && k <= ATTEST_SNP; k++) {
        work_evidence_program(of, (enum attest_kind)k, d->value);
        work_evidence_sweep(l, WORK_TAG_MEASUREMENT, of);
    }
}

static void apply_deny(struct ledger *l, const char *text)
{
    struct denied d;
    if (!deny_parse(&d, text))
        return;
    struct key k = denied_key(d.kind, d.value);
    if (d.removes)
        state_del(l->st, STATE_ATTEST, span_of(k.bytes, k.n));
    else
        put(l, &k, (struct span){ NULL, 0 });
    if (!d.removes)
        sweep_denied(l, &d);
}

static void apply_advisory(struct ledger *l, const char *text)
{
    struct span id;
    bool removes;
    if (!advisory_parse(&id, &removes, text))
        return;
    struct key k = key_of(KEY_ADVISORY);
    key_add(&k, id.p, id.n);
    if (!removes) {
        put(l, &k, (struct span){ NULL, 0 });
        return;
    }
    state_del(l->st, STATE_ATTEST, span_of(k.bytes, k.n));
    work_evidence_sweep_all(l);
}

static void apply_config(struct ledger *l, const char *text)
{
    uint8_t config[48];
    struct key k = key_of(KEY_CONFIG);
    if (!config_parse(config, text))
        return;
    put(l, &k, span_of(config, sizeof(config)));
    work_evidence_sweep_number(l, WORK_TAG_KIND, ATTEST_TDX);
}

void releases_apply(struct ledger *l, const char *name, const char *text)
{
    static void (*const apply[NAMES])(struct ledger *, const char *) = { apply_release, apply_deny,
                                                                         apply_advisory,
                                                                         apply_config };
    int number = number_of(name);
    ASSERT(number < NAMES);
    apply[number](l, text);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void write_number(struct writer *w, uint64_t v)
{
    char text[AMOUNT_TEXT_MAX];
    amount_format_units(text, AMOUNT_OF(v));
    write_span(w, span_str(text));
}

static void write_hex(struct writer *w, const char *name, const uint8_t *p, size_t n)
{
    char text[2 * 144 + 1];
    ASSERT(n <= 144);
    hex_format(text, span_of(p, n));
    write_span(w, span_str(name));
    write_span(w, span_str(text));
}

static void row_format(struct writer *w, const struct releases_row *row)
{
    const struct attest_release *r = &row->release;
    write_span(w, span_str("kind="));
    write_span(w, span_str(attest_kind_name(r->kind)));
    write_hex(w, " measurement=", r->measurement,
              r->kind == ATTEST_SGX ? 32 : ATTEST_MEASUREMENT_MAX);
    write_span(w, span_str(" version="));
    write_span(w, span_str(row->version));
    write_span(w, span_str(" from="));
    write_number(w, r->active_from);
    write_span(w, span_str(" retires="));
    write_number(w, r->retires);
    if (r->with_signer) {
        write_hex(w, " signer=", r->signer, 32);
        write_span(w, span_str(" product="));
        write_number(w, r->prod_id);
        write_span(w, span_str(" svn="));
        write_number(w, r->svn_min);
    }
    if (r->with_rtmrs)
        write_hex(w, " rtmrs=", r->rtmr[0], sizeof(r->rtmr));
}

static void denied_format(struct writer *w, struct span key)
{
    for (size_t i = 0; i < DENIED_KINDS; i++) {
        if (denied_kinds[i].letter != key.p[1])
            continue;
        write_span(w, span_str(denied_kinds[i].name));
        write_hex(w, " ", key.p + 2, key.n - 2);
    }
}

bool releases_next(struct ledger *l, struct releases_place *place, const char **name, char *text)
{
    static const uint8_t letters[NAMES] = { KEY_RELEASE, KEY_DENIED, KEY_ADVISORY, KEY_CONFIG };
    struct span key, value;
    int list = 0;
    while (place->size > 0 && letters[list] != place->key[0])
        list++;
    for (; list < NAMES; list++, place->size = 0) {
        const struct state_range range = { .store = STATE_ATTEST,
                                           .prefix = span_of(&letters[list], 1) };
        /* The agreed configuration is one record, whose key is the letter alone. */
        bool one = letters[list] == KEY_CONFIG;
        bool there = one ? place->size == 0 && state_get(l->st, &value, STATE_ATTEST, range.prefix)
                         : state_next(l->st, &key, &value, range, span_of(place->key, place->size),
                                      place->size > 0);
        if (!there)
            continue;
        if (one)
            key = range.prefix;
        struct writer w = writer_of((uint8_t *)text, RELEASES_TEXT_MAX);
        struct releases_row row;
        *name = names[list];
        if (list == NAME_RELEASE) {
            row_read(&row, key, value);
            row_format(&w, &row);
        } else if (list == NAME_DENY) {
            denied_format(&w, key);
        } else if (list == NAME_ADVISORY) {
            write_span(&w, span_sub(key, 1, key.n));
        } else {
            write_hex(&w, "", value.p, value.n);
        }
        ASSERT(w.err == OK);
        text[w.len] = '\0';
        memcpy(place->key, key.p, key.n);
        place->size = key.n;
        return true;
    }
    return false;
}

/* ---- the policy ------------------------------------------------------------------------------ */

static struct snp_tcb levels(uint64_t packed)
{
    return (struct snp_tcb){ .fmc = (uint8_t)(packed >> 32),
                             .boot_loader = (uint8_t)(packed >> 24),
                             .tee = (uint8_t)(packed >> 16),
                             .snp = (uint8_t)(packed >> 8),
                             .microcode = (uint8_t)packed };
}

static void take_params(struct attest_policy *out, const struct params *p)
{
    *out = (struct attest_policy){
        .kinds = (uint8_t)(p->attest_kinds | (p->allow_software ? 1u << ATTEST_SOFTWARE : 0)),
        .statuses = p->attest_statuses,
        .grace_statuses = p->attest_grace_statuses,
        .grace_s = p->attest_grace_s,
        .evaluation_min = p->attest_evaluation_min,
        .clients = p->attest_clients,
        .td_required = p->attest_td_required,
        .td_forbidden = p->attest_td_forbidden,
        .snp_products = (uint8_t)p->attest_snp_products,
        .snp_min = { levels(p->attest_snp_milan), levels(p->attest_snp_genoa),
                     levels(p->attest_snp_turin) },
        .snp_firmware_min = { (uint8_t)(p->attest_snp_firmware >> 16),
                              (uint8_t)(p->attest_snp_firmware >> 8),
                              (uint8_t)p->attest_snp_firmware },
        .snp_required = p->attest_snp_required,
        .snp_forbidden = p->attest_snp_forbidden,
        .snp_platform_required = p->attest_snp_platform,
        .snp_mitigations = { p->attest_snp_milan_bits, p->attest_snp_genoa_bits,
                             p->attest_snp_turin_bits },
        .snp_vmpl = p->attest_snp_vmpl,
        .snp_vlek = p->attest_snp_vlek,
    };
}

static bool is_denied(struct ledger *l, size_t which, const uint8_t *value)
{
    struct key k = denied_key(&denied_kinds[which], value);
    return state_has(l->st, STATE_ATTEST, span_of(k.bytes, k.n));
}

static void take_denied(struct ledger *l, struct releases_policy *room,
                        const struct attest_verdict *v)
{
    struct attest_policy *p = &room->policy;
    memcpy(room->device[0], v->platform_id, 32);
    memcpy(room->measurement[0], v->measurement, ATTEST_MEASUREMENT_MAX);
    memcpy(room->fmspc[0], v->intel.fmspc, 6);
    p->denied_devices = (const uint8_t(*)[32])room->device;
    p->denied_measurements = (const uint8_t(*)[ATTEST_MEASUREMENT_MAX])room->measurement;
    p->denied_fmspcs = (const uint8_t(*)[6])room->fmspc;
    p->denied_device_count = is_denied(l, 0, v->platform_id);
    p->denied_measurement_count = is_denied(l, 1, v->measurement);
    p->denied_fmspc_count = is_denied(l, 2, v->intel.fmspc);
}

static void take_advisories(struct ledger *l, struct releases_policy *room,
                            const struct attest_verdict *v)
{
    struct attest_policy *p = &room->policy;
    p->advisories = room->advisories;
    for (uint32_t i = 0; i < v->advisories.count; i++) {
        struct key k = key_of(KEY_ADVISORY);
        key_add(&k, v->advisories.ids[i], strlen(v->advisories.ids[i]));
        if (state_has(l->st, STATE_ATTEST, span_of(k.bytes, k.n)))
            room->advisories[p->advisory_count++] = v->advisories.ids[i];
    }
}

void releases_policy(struct ledger *l, struct releases_policy *room,
                     const struct attest_verdict *verdict, const uint8_t release[32])
{
    struct attest_policy *p = &room->policy;
    struct span value;
    *room = (struct releases_policy){ .policy.kinds = 0 };
    take_params(p, l->params);
    take_denied(l, room, verdict);
    take_advisories(l, room, verdict);
    p->releases = room->releases;
    /* SPEC work 2.5: "the release that the evidence binds" */
    struct key k = program_key(verdict->kind, verdict->measurement);
    key_add(&k, release, 32);
    if (state_get(l->st, &value, STATE_ATTEST, span_of(k.bytes, k.n))) {
        struct releases_row row;
        row_read(&row, span_of(k.bytes, k.n), value);
        room->releases[p->release_count++] = row.release;
    }
    k = key_of(KEY_CONFIG);
    if (state_get(l->st, &value, STATE_ATTEST, span_of(k.bytes, k.n)) && value.n == 48)
        memcpy(p->td_config, value.p, 48);
}
