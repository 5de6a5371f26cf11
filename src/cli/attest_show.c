#include "cli/attest_show.h"

#include "attest/quote.h"
#include "base/hex.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

enum { LABEL = 14 };

void attest_show_time(char out[24], uint64_t seconds)
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        memcpy(out, "?", 2);
}

__attribute__((format(printf, 2, 3))) static void row(const char *label, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%-*s  ", LABEL, label);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static void row_hex(const char *label, const uint8_t *p, size_t n)
{
    char text[2 * 64 + 1];
    hex_format(text, span_of(p, n));
    row(label, "%s", text);
}

static void row_time(const char *label, uint64_t seconds)
{
    char text[24];
    attest_show_time(text, seconds);
    row(label, "%s", text);
}

/* ---- what is missing
 * ----------------------------------------------------------------------------- */

const char *attest_show_missing(const struct attest_show *s, unsigned i)
{
    const struct attest_collateral *c = s->collateral;
    const struct {
        bool quote;
        struct span have;
        const char *name;
    } needs[] = {
        { true, c->tcb_info, "TCB info for this FMSPC" },
        { true, c->qe_identity, "identity of the quoting enclave" },
        { true, c->tcb_signer, "TCB signing certificate" },
        { true, c->root_crl, "CRL of the Intel SGX Root CA" },
        { true, c->pck_crl, "CRL of the PCK CA" },
        { false, c->snp_leaf, "VCEK or VLEK of this chip and these levels" },
        { false, c->snp_ca, "ASK or ASVK that signed it" },
        { false, c->snp_crl, "AMD's CRL for the product" },
    };
    for (size_t n = 0; n < sizeof(needs) / sizeof(needs[0]); n++) {
        if (needs[n].quote == s->is_quote && needs[n].have.n == 0 && i-- == 0)
            return needs[n].name;
    }
    return "";
}

/* ---- words
 * ------------------------------------------------------------------------------------------ */

static const char *kind_words(const struct attest_verdict *v)
{
    if (v->kind == ATTEST_SGX)
        return "Intel SGX quote of an enclave";
    return v->kind == ATTEST_TDX ? "Intel TDX quote of a virtual machine"
                                 : "AMD SEV-SNP report of a virtual machine";
}

static const char *advisory_words(const char *id)
{
    static const struct {
        const char *id, *words;
    } known[] = {
        { "INTEL-SA-00161", "L1 terminal fault" },
        { "INTEL-SA-00289", "voltage settings (Plundervolt); also hyper-threading" },
        { "INTEL-SA-00334", "load value injection" },
        { "INTEL-SA-00615", "stale data of memory-mapped devices" },
        { "INTEL-SA-00657", "stale data of the interrupt controller (AEPIC leak)" },
        { "INTEL-SA-00828", "gather data sampling (Downfall)" },
        { "INTEL-DOC-10000", "the processor gets no more updates" },
        { "INTEL-DOC-10001", "the processor's servicing has ended for good" },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].id, id) == 0)
            return known[i].words;
    }
    return "";
}

static void show_advisories(const struct attest_verdict *v)
{
    for (uint32_t i = 0; i < v->advisories.count; i++) {
        const char *id = v->advisories.ids[i], *words = advisory_words(id);
        char page[STATUS_ADVISORY_SIZE];
        for (size_t j = 0; j < sizeof(page); j++)
            page[j] = (char)tolower((unsigned char)id[j]);
        const char *label = i == 0 ? "advisories" : "";
        if (strncmp(id, "INTEL-SA-", 9) != 0)
            row(label, "%s%s%s", id, words[0] != '\0' ? "  " : "", words);
        else
            row(label,
                "%s%s%s  https://www.intel.com/content/www/us/en/security-center/advisory/%s.html",
                id, words[0] != '\0' ? "  " : "", words, page);
    }
}

static void show_intel(const struct attest_verdict *v, bool judged)
{
    row("signed by", "%s",
        v->intel.platform_ca ? "Intel SGX PCK Platform CA (servers)"
                             : "Intel SGX PCK Processor CA (client processors)");
    row_hex("FMSPC", v->intel.fmspc, 6);
    if (!judged)
        return;
    row("status", "%s", status_text(v->status));
    row("", "platform %s, quoting enclave %s", status_text(v->intel.platform_status),
        status_text(v->intel.qe_status));
    if (v->kind == ATTEST_TDX)
        row("", "TDX module %s, with the one that runs now %s", status_text(v->intel.module_status),
            status_text(v->intel.current_status));
    row_time("level of", v->intel.tcb_date);
    if (v->intel.superseded != 0)
        row_time("better since", v->intel.superseded);
    row("evaluation", "%u", v->intel.evaluation);
    show_advisories(v);
}

static void show_sgx(const struct verdict_sgx *s)
{
    row_hex("MRENCLAVE", s->mrenclave, 32);
    row_hex("MRSIGNER", s->mrsigner, 32);
    row("product", "%u, version %u", s->prod_id, s->svn);
    row_hex("attributes", s->attributes, 16);
}

static void show_tdx(const struct verdict_tdx *t)
{
    row_hex("MRTD", t->mrtd, 48);
    for (int i = 0; i < 4; i++) {
        char label[8];
        (void)snprintf(label, sizeof(label), "RTMR%d", i);
        row_hex(label, t->rtmr[i], 48);
    }
    row_hex("attributes", t->attributes, 8);
    row("TDX module", "%u.%u", t->tcb_svn[1], t->tcb_svn[0]);
}

static void show_levels(const char *label, const struct snp_tcb *t)
{
    row(label, "boot loader %u, TEE %u, SNP %u, microcode %u, FMC %u", t->boot_loader, t->tee,
        t->snp, t->microcode, t->fmc);
}

static void show_snp(const struct attest_verdict *v)
{
    const struct verdict_snp *s = &v->u.snp;
    row("signed by", "AMD, %s %s", snp_product_name(s->product),
        s->vlek ? "VLEK: a cloud's key, no single chip" : "VCEK: this chip's key");
    row_hex("MEASUREMENT", v->measurement, 48);
    show_levels("reported", &s->reported);
    show_levels("committed", &s->committed);
    show_levels("at launch", &s->launch);
    row("firmware", "%u.%u.%u", s->firmware[0], s->firmware[1], s->firmware[2]);
    row("guest policy", "0x%llx, VMPL %u", (unsigned long long)s->policy, s->vmpl);
    row("platform", "0x%llx", (unsigned long long)s->platform_info);
    row("CRL", "%s", s->crl_checked ? "checked" : "none was given");
    if (v->has_device)
        row_hex("chip", s->chip_id, 64);
}

static void show_claims(const struct attest_verdict *v, bool judged)
{
    if (v->kind == ATTEST_SNP) {
        show_snp(v);
    } else {
        show_intel(v, judged);
        if (v->kind == ATTEST_SGX)
            show_sgx(&v->u.sgx);
        else
            show_tdx(&v->u.tdx);
    }
    row("debug", "%s", v->debug ? "YES: its memory is open to the machine's owner" : "no");
    row_hex("report data", v->report_data, 64);
    row_hex("machine id", v->platform_id, 32);
}

static void show_policy(uint64_t refusals)
{
    if (refusals == 0) {
        row("default rules", "would take it, if its program is a release of the network");
        return;
    }
    row("default rules", "would refuse it:");
    for (unsigned i = 0; i < ATTEST_RULE_COUNT; i++) {
        if ((refusals >> i & 1) != 0)
            row("", "%s: %s", attest_policy_rule_name((enum attest_rule)i),
                attest_policy_rule_text((enum attest_rule)i));
    }
}

enum cli_exit attest_show_text(const struct attest_show *s)
{
    const struct attest_verdict *v = s->verdict;
    row_time("judged as of", s->time);
    if (s->genuine) {
        row("what it is", "%s, version %u, %zu bytes", kind_words(v), v->version, s->size);
        row("verdict", "GENUINE: %s", verdict_text(v->code));
        show_claims(v, true);
        row_time("lapses", v->lapses);
        show_policy(s->refusals);
        return CLI_OK;
    }
    row("verdict", "REFUSED: %s", verdict_text(v->code));
    row("", "code %s%s%s", verdict_name(v->code), v->what[0] != '\0' ? ", about: " : "", v->what);
    for (unsigned i = 0; attest_show_missing(s, i)[0] != '\0'; i++)
        row(i == 0 ? "not found" : "", "%s", attest_show_missing(s, i));
    if (s->bare != NULL) {
        row("still", "its signatures hold up to Intel's root; it says (dates, revocation and level "
                     "unknown):");
        row("what it is", "%s, version %u, %zu bytes", kind_words(s->bare), s->bare->version,
            s->size);
        show_claims(s->bare, false);
    }
    return CLI_OK;
}

/* ---- JSON
 * -----------------------------------------------------------------------------------------------
 */

static json_t *hex_value(const uint8_t *p, size_t n)
{
    char text[2 * 64 + 1];
    hex_format(text, span_of(p, n));
    return json_string(text);
}

static json_t *time_value(uint64_t seconds)
{
    char text[24];
    attest_show_time(text, seconds);
    return json_string(text);
}

static void put(json_t *object, const char *name, json_t *value)
{
    if (value == NULL || json_object_set_new(object, name, value) != 0)
        (void)fprintf(stderr, "crust: out of memory\n");
}

static json_t *levels_value(const struct snp_tcb *t)
{
    return json_pack("{s:i,s:i,s:i,s:i,s:i}", "fmc", t->fmc, "boot_loader", t->boot_loader, "tee",
                     t->tee, "snp", t->snp, "microcode", t->microcode);
}

static void put_sgx(json_t *o, const struct verdict_sgx *s)
{
    put(o, "mrenclave", hex_value(s->mrenclave, 32));
    put(o, "mrsigner", hex_value(s->mrsigner, 32));
    put(o, "attributes", hex_value(s->attributes, 16));
    put(o, "isvprodid", json_integer(s->prod_id));
    put(o, "isvsvn", json_integer(s->svn));
}

static void put_tdx(json_t *o, const struct verdict_tdx *t)
{
    json_t *rtmr = json_array();
    put(o, "mrtd", hex_value(t->mrtd, 48));
    for (int i = 0; i < 4; i++)
        (void)json_array_append_new(rtmr, hex_value(t->rtmr[i], 48));
    put(o, "rtmr", rtmr);
    put(o, "attributes", hex_value(t->attributes, 8));
    put(o, "tee_tcb_svn", hex_value(t->tcb_svn, 16));
    put(o, "mrservicetd", hex_value(t->mrservicetd, 48));
}

static void put_snp(json_t *o, const struct verdict_snp *s)
{
    char text[24];
    put(o, "product", json_string(snp_product_name(s->product)));
    put(o, "key", json_string(s->vlek ? "VLEK" : "VCEK"));
    put(o, "crl_checked", json_boolean(s->crl_checked));
    put(o, "vmpl", json_integer(s->vmpl));
    (void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)s->policy);
    put(o, "policy", json_string(text));
    (void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)s->platform_info);
    put(o, "platform_info", json_string(text));
    put(o, "reported", levels_value(&s->reported));
    put(o, "committed", levels_value(&s->committed));
    put(o, "launch", levels_value(&s->launch));
    put(o, "chip_id", hex_value(s->chip_id, 64));
    put(o, "host_data", hex_value(s->host_data, 32));
}

static void put_intel(json_t *o, const struct attest_verdict *v)
{
    json_t *advisories = json_array();
    for (uint32_t i = 0; i < v->advisories.count; i++)
        (void)json_array_append_new(advisories, json_string(v->advisories.ids[i]));
    put(o, "status", json_string(status_text(v->status)));
    put(o, "platform_status", json_string(status_text(v->intel.platform_status)));
    put(o, "qe_status", json_string(status_text(v->intel.qe_status)));
    put(o, "module_status", json_string(status_text(v->intel.module_status)));
    put(o, "current_status", json_string(status_text(v->intel.current_status)));
    put(o, "advisories", advisories);
    put(o, "tcb_date", time_value(v->intel.tcb_date));
    put(o, "evaluation", json_integer(v->intel.evaluation));
    put(o, "fmspc", hex_value(v->intel.fmspc, 6));
    put(o, "pck_ca", json_string(v->intel.platform_ca ? "platform" : "processor"));
}

static void put_claims(json_t *o, const struct attest_verdict *v)
{
    json_t *body = json_object();
    const char *kind = attest_kind_name(v->kind);
    put(o, "kind", json_string(kind));
    put(o, "version", json_integer(v->version));
    put(o, "measurement", hex_value(v->measurement, v->measurement_size));
    put(o, "report_data", hex_value(v->report_data, 64));
    put(o, "platform_id", hex_value(v->platform_id, 32));
    put(o, "has_device", json_boolean(v->has_device));
    put(o, "debug", json_boolean(v->debug));
    put(o, "lapses", time_value(v->lapses));
    if (v->kind == ATTEST_SNP) {
        put_snp(body, &v->u.snp);
    } else {
        put_intel(o, v);
        if (v->kind == ATTEST_SGX)
            put_sgx(body, &v->u.sgx);
        else
            put_tdx(body, &v->u.tdx);
    }
    put(o, kind, body);
}

static json_t *rules_value(uint64_t refusals)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < ATTEST_RULE_COUNT; i++) {
        if ((refusals >> i & 1) == 0)
            continue;
        const char *name = attest_policy_rule_name((enum attest_rule)i);
        const char *text = attest_policy_rule_text((enum attest_rule)i);
        (void)json_array_append_new(list, json_pack("{s:s,s:s}", "rule", name, "text", text));
    }
    return list;
}

enum cli_exit attest_show_json(const struct attest_show *s)
{
    json_t *o = json_object();
    put(o, "genuine", json_boolean(s->genuine));
    put(o, "code", json_string(verdict_name(s->verdict->code)));
    put(o, "text", json_string(verdict_text(s->verdict->code)));
    put(o, "about", json_string(s->verdict->what));
    put(o, "at", time_value(s->time));
    put(o, "accepted", json_boolean(s->genuine && s->refusals == 0));
    if (s->genuine) {
        put_claims(o, s->verdict);
        put(o, "refusals", rules_value(s->refusals));
    } else {
        json_t *missing = json_array();
        for (unsigned i = 0; attest_show_missing(s, i)[0] != '\0'; i++)
            (void)json_array_append_new(missing, json_string(attest_show_missing(s, i)));
        put(o, "not_found", missing);
        put(o, "signatures_hold", json_boolean(s->bare != NULL));
    }
    return cli_print_json(o);
}
