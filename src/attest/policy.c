#include "attest/policy.h"

#include "attest/quote.h"

enum {
    INTEL_KINDS = 1 << ATTEST_SGX | 1 << ATTEST_TDX,
    HARDWARE = INTEL_KINDS | 1 << ATTEST_SNP,
    ANY = HARDWARE | 1 << ATTEST_SOFTWARE,
};

/* TDATTRIBUTES */
static const uint64_t td_sept_ve_disable = 1ull << 28;
static const uint64_t td_migratable = 1ull << 29;

const char *attest_policy_rule_name(enum attest_rule rule)
{
    static const char *const names[] = {
#define ATTEST_RULE_NAME(name, text) #name,
        ATTEST_RULES(ATTEST_RULE_NAME)
#undef ATTEST_RULE_NAME
    };
    return (unsigned)rule < ATTEST_RULE_COUNT ? names[rule] : "?";
}

const char *attest_policy_rule_text(enum attest_rule rule)
{
    static const char *const texts[] = {
#define ATTEST_RULE_TEXT(name, text) text,
        ATTEST_RULES(ATTEST_RULE_TEXT)
#undef ATTEST_RULE_TEXT
    };
    return (unsigned)rule < ATTEST_RULE_COUNT ? texts[rule] : "?";
}

const struct attest_policy *attest_policy_default(void)
{
    static const char *const advisories[] = { "INTEL-SA-00289", "INTEL-SA-00334",
                                              "INTEL-SA-00615" };
    static const struct attest_policy policy = {
        .kinds = HARDWARE,
        .statuses = 1u << STATUS_UP_TO_DATE | 1u << STATUS_HARDENING,
        .grace_statuses = 1u << STATUS_OUT_OF_DATE | 1u << STATUS_RELAUNCH,
        .grace_s = 30ull * 86400,
        .advisories = advisories,
        .advisory_count = sizeof(advisories) / sizeof(advisories[0]),
        .td_required = 1ull << 28, /* SEPT_VE_DISABLE */
        /* TUD with DEBUG, MIGRATABLE, KL, PERFMON */
        .td_forbidden = 0xffull | 1ull << 29 | 1ull << 31 | 1ull << 63,
        .snp_products = 1 << SNP_GENOA | 1 << SNP_TURIN,
        .snp_required = 1ull << 17,
        .snp_forbidden = 1ull << 18 | 1ull << 19, /* MIGRATE_MA, DEBUG */
        .snp_platform_required = 1ull << 5,       /* ALIAS_CHECK_COMPLETE */
    };
    return &policy;
}

/* ---- rules: whether each holds --------------------------------------------------------------- */

struct question {
    const struct attest_policy *p;
    const struct attest_verdict *v;
    const struct attest_situation *s;
};

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static bool kind_holds(const struct question *q)
{
    return (q->p->kinds & 1u << q->v->kind) != 0;
}

static bool debug_holds(const struct question *q)
{
    return !q->v->debug;
}

static bool device_holds(const struct question *q)
{
    for (size_t i = 0; i < q->p->denied_device_count; i++) {
        if (memcmp(q->p->denied_devices[i], q->v->platform_id, 32) == 0)
            return false;
    }
    return true;
}

static bool measurement_holds(const struct question *q)
{
    for (size_t i = 0; i < q->p->denied_measurement_count; i++) {
        if (memcmp(q->p->denied_measurements[i], q->v->measurement, ATTEST_MEASUREMENT_MAX) == 0)
            return false;
    }
    return true;
}

static bool platform_holds(const struct question *q)
{
    for (size_t i = 0; i < q->p->denied_fmspc_count; i++) {
        if (memcmp(q->p->denied_fmspcs[i], q->v->intel.fmspc, 6) == 0)
            return false;
    }
    return true;
}

static bool is_release(const struct attest_release *r, const struct question *q)
{
    const struct attest_verdict *v = q->v;
    if (r->kind != v->kind || memcmp(r->measurement, v->measurement, ATTEST_MEASUREMENT_MAX) != 0 ||
        q->s->height < r->active_from || (r->retires != 0 && q->s->height >= r->retires))
        return false;
    if (v->kind == ATTEST_SGX && r->with_signer)
        return memcmp(r->signer, v->u.sgx.mrsigner, 32) == 0 && r->prod_id == v->u.sgx.prod_id &&
               v->u.sgx.svn >= r->svn_min;
    if (v->kind == ATTEST_TDX && r->with_rtmrs)
        return memcmp(r->rtmr, v->u.tdx.rtmr, sizeof(r->rtmr)) == 0;
    return true;
}

static bool release_holds(const struct question *q)
{
    for (size_t i = 0; i < q->p->release_count; i++) {
        if (is_release(&q->p->releases[i], q))
            return true;
    }
    return q->p->any_release;
}

static bool has_device_holds(const struct question *q)
{
    return q->v->has_device;
}

static bool client_holds(const struct question *q)
{
    return q->v->intel.platform_ca || q->p->clients;
}

static bool evaluation_holds(const struct question *q)
{
    return q->v->intel.evaluation >= q->p->evaluation_min;
}

/* A status that was not evaluated is in no set. */
static bool is_in(uint32_t statuses, uint8_t status)
{
    return status < 32 && (statuses >> status & 1) != 0;
}

static bool in_grace_statuses(const struct question *q)
{
    return is_in(q->p->grace_statuses, q->v->status);
}

static bool status_holds(const struct question *q)
{
    return is_in(q->p->statuses, q->v->status) || in_grace_statuses(q);
}

/* A status that is taken for good, or one that is taken for a while and within that while. */
static bool grace_holds(const struct question *q)
{
    if (is_in(q->p->statuses, q->v->status) || !in_grace_statuses(q))
        return true;
    uint64_t since = q->v->intel.superseded;
    return q->s->admitted && since != 0 && q->s->time <= since + q->p->grace_s;
}

static bool knows_advisory(const struct attest_policy *p, const char *id)
{
    for (size_t i = 0; i < p->advisory_count; i++) {
        if (strcmp(p->advisories[i], id) == 0)
            return true;
    }
    return false;
}

/* An update that is missing has advisories of its own: what is taken for a while is judged by time.
 */
static bool advisory_holds(const struct question *q)
{
    if ((q->v->status & (STATUS_OUT_OF_DATE | STATUS_RELAUNCH)) != 0)
        return true;
    for (uint32_t i = 0; i < q->v->advisories.count; i++) {
        if (!knows_advisory(q->p, q->v->advisories.ids[i]))
            return false;
    }
    return true;
}

static bool sgx_keys_hold(const struct question *q)
{
    uint8_t keys = QUOTE_SGX_PROVISION_KEY | QUOTE_SGX_LAUNCH_KEY;
    return (q->v->u.sgx.attributes[0] & keys) == 0;
}

static bool sgx_config_holds(const struct question *q)
{
    return all_zero(q->v->u.sgx.config_id, 64) && q->v->u.sgx.config_svn == 0;
}

/* What the two rules after this one say in more detail is left to them. */
static bool td_attributes_hold(const struct question *q)
{
    uint64_t have = load_le64(q->v->u.tdx.attributes);
    uint64_t others = td_sept_ve_disable | td_migratable;
    return (have & q->p->td_forbidden & ~others) == 0 &&
           (have & q->p->td_required & ~others) == (q->p->td_required & ~others);
}

static bool td_sept_holds(const struct question *q)
{
    uint64_t have = load_le64(q->v->u.tdx.attributes);
    return ((q->p->td_required & td_sept_ve_disable) & ~have) == 0;
}

static bool td_migration_holds(const struct question *q)
{
    uint64_t have = load_le64(q->v->u.tdx.attributes);
    return (have & q->p->td_forbidden & td_migratable) == 0 &&
           all_zero(q->v->u.tdx.mrservicetd, 48);
}

static bool td_module_holds(const struct question *q)
{
    return all_zero(q->v->u.tdx.mrsignerseam, 48);
}

static bool td_config_holds(const struct question *q)
{
    const struct verdict_tdx *t = &q->v->u.tdx;
    bool config = all_zero(t->mrconfigid, 48) || memcmp(t->mrconfigid, q->p->td_config, 48) == 0;
    return config && all_zero(t->mrowner, 48) && all_zero(t->mrownerconfig, 48);
}

static bool snp_product_holds(const struct question *q)
{
    return (q->p->snp_products & 1u << q->v->u.snp.product) != 0;
}

static bool reaches(const struct snp_tcb *have, const struct snp_tcb *want)
{
    return have->fmc >= want->fmc && have->boot_loader >= want->boot_loader &&
           have->tee >= want->tee && have->snp >= want->snp && have->microcode >= want->microcode;
}

/* CURRENT may be ahead while the host holds the others down: it proves nothing. */
static bool snp_levels_hold(const struct question *q)
{
    const struct verdict_snp *s = &q->v->u.snp;
    const struct snp_tcb *min = &q->p->snp_min[s->product];
    bool set = (min->fmc | min->boot_loader | min->tee | min->snp | min->microcode) != 0;
    return set && reaches(&s->reported, min) && reaches(&s->committed, min) &&
           reaches(&s->launch, min) && memcmp(s->firmware, q->p->snp_firmware_min, 3) >= 0;
}

static bool snp_policy_holds(const struct question *q)
{
    uint64_t have = q->v->u.snp.policy;
    return (have & q->p->snp_forbidden) == 0 && (q->p->snp_required & ~have) == 0;
}

static bool snp_platform_holds(const struct question *q)
{
    const struct verdict_snp *s = &q->v->u.snp;
    return (q->p->snp_platform_required & ~s->platform_info) == 0 &&
           (q->p->snp_mitigations[s->product] & ~s->launch_mitigations) == 0;
}

static bool snp_vmpl_holds(const struct question *q)
{
    return q->v->u.snp.vmpl == q->p->snp_vmpl;
}

static bool snp_vlek_holds(const struct question *q)
{
    return !q->v->u.snp.vlek || q->p->snp_vlek;
}

static bool snp_crl_holds(const struct question *q)
{
    return q->v->u.snp.crl_checked;
}

uint64_t attest_policy_refusals(const struct attest_policy *policy,
                                const struct attest_verdict *verdict,
                                const struct attest_situation *situation)
{
    static const struct {
        uint8_t kinds;
        bool (*holds)(const struct question *q);
    } rules[ATTEST_RULE_COUNT] = {
        [ATTEST_RULE_KIND] = { ANY, kind_holds },
        [ATTEST_RULE_DEBUG] = { HARDWARE, debug_holds },
        [ATTEST_RULE_DENIED_DEVICE] = { ANY, device_holds },
        [ATTEST_RULE_DENIED_MEASUREMENT] = { HARDWARE, measurement_holds },
        [ATTEST_RULE_DENIED_PLATFORM] = { INTEL_KINDS, platform_holds },
        [ATTEST_RULE_RELEASE] = { HARDWARE, release_holds },
        [ATTEST_RULE_NO_DEVICE] = { HARDWARE, has_device_holds },
        [ATTEST_RULE_CLIENT] = { INTEL_KINDS, client_holds },
        [ATTEST_RULE_EVALUATION] = { INTEL_KINDS, evaluation_holds },
        [ATTEST_RULE_STATUS] = { INTEL_KINDS, status_holds },
        [ATTEST_RULE_ADVISORY] = { INTEL_KINDS, advisory_holds },
        [ATTEST_RULE_GRACE] = { INTEL_KINDS, grace_holds },
        [ATTEST_RULE_SGX_KEYS] = { 1 << ATTEST_SGX, sgx_keys_hold },
        [ATTEST_RULE_SGX_CONFIG] = { 1 << ATTEST_SGX, sgx_config_holds },
        [ATTEST_RULE_TD_ATTRIBUTES] = { 1 << ATTEST_TDX, td_attributes_hold },
        [ATTEST_RULE_TD_SEPT] = { 1 << ATTEST_TDX, td_sept_holds },
        [ATTEST_RULE_TD_MIGRATION] = { 1 << ATTEST_TDX, td_migration_holds },
        [ATTEST_RULE_TD_MODULE] = { 1 << ATTEST_TDX, td_module_holds },
        [ATTEST_RULE_TD_CONFIG] = { 1 << ATTEST_TDX, td_config_holds },
        [ATTEST_RULE_SNP_PRODUCT] = { 1 << ATTEST_SNP, snp_product_holds },
        [ATTEST_RULE_SNP_LEVELS] = { 1 << ATTEST_SNP, snp_levels_hold },
        [ATTEST_RULE_SNP_POLICY] = { 1 << ATTEST_SNP, snp_policy_holds },
        [ATTEST_RULE_SNP_PLATFORM] = { 1 << ATTEST_SNP, snp_platform_holds },
        [ATTEST_RULE_SNP_VMPL] = { 1 << ATTEST_SNP, snp_vmpl_holds },
        [ATTEST_RULE_SNP_VLEK] = { 1 << ATTEST_SNP, snp_vlek_holds },
        [ATTEST_RULE_SNP_CRL] = { 1 << ATTEST_SNP, snp_crl_holds },
    };
    ASSERT(verdict->code == VERDICT_GENUINE);
    const struct question q = { policy, verdict, situation };
    uint64_t refusals = 0;
    for (unsigned i = 0; i < ATTEST_RULE_COUNT; i++) {
        if ((rules[i].kinds & 1u << verdict->kind) != 0 && !rules[i].holds(&q))
            refusals |= 1ull << i;
    }
    return refusals;
}
