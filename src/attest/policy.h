/* policy: whether a network takes evidence that is genuine. Every number is a parameter; the
 * defaults and why: docs/spec/attest.md 10. Verification (attest.h) never looks at any of this.
 * Pure. */
#ifndef CRUST_ATTEST_POLICY_H
#define CRUST_ATTEST_POLICY_H

#include "attest/verdict.h"

/* The rules, each with what a refusal by it means, in the order in which they are named. */
#define ATTEST_RULES(X)                                                                            \
    X(KIND, "this network takes no evidence of that kind")                                         \
    X(DEBUG, "it can be debugged: the machine's owner can read and change its memory")             \
    X(DENIED_DEVICE, "this machine is on the network's deny list")                                 \
    X(DENIED_MEASUREMENT, "this program is on the network's deny list")                            \
    X(DENIED_PLATFORM, "this kind of platform (FMSPC) is on the network's deny list")              \
    X(RELEASE, "the program is not a release that the network allows")                             \
    X(NO_DEVICE,                                                                                   \
      "the evidence names no single machine, so that nothing can be counted by machine")           \
    X(CLIENT, "a client processor, not a server: its keys are easier to extract")                  \
    X(EVALUATION, "judged by documents older than the network demands")                            \
    X(STATUS, "Intel's word for the machine's level is not one that the network takes")            \
    X(ADVISORY, "an advisory applies that is not known to be mitigated in the release")            \
    X(GRACE, "out of date, and the time in which to update is over or was never given")            \
    X(SGX_KEYS, "the enclave may ask for the provisioning or launch key")                          \
    X(SGX_CONFIG, "the enclave carries a configuration id")                                        \
    X(TD_ATTRIBUTES, "the guest's attributes allow what the network forbids")                      \
    X(TD_SEPT, "the guest does not disable exceptions that its host can inject (SEPT_VE_DISABLE)") \
    X(TD_MIGRATION, "the guest can be migrated, or a service guest is bound to it")                \
    X(TD_MODULE, "the TDX module is not signed by Intel's default key")                            \
    X(TD_CONFIG, "the guest carries an owner or configuration that the network does not know")     \
    X(SNP_PRODUCT, "processors of this generation are not taken: their keys can be extracted")     \
    X(SNP_LEVELS, "firmware below the network's minimum, or the network has set none")             \
    X(SNP_POLICY, "the guest's policy allows what the network forbids")                            \
    X(SNP_PLATFORM, "the platform does not have the protections that the network wants")           \
    X(SNP_VMPL, "the report comes from another privilege level than the image uses")               \
    X(SNP_VLEK, "signed by a cloud's key (VLEK), which names no chip")                             \
    X(SNP_CRL, "AMD's revocation list was not looked at")

enum attest_rule {
#define ATTEST_RULE_ENUM(name, text) ATTEST_RULE_##name,
    ATTEST_RULES(ATTEST_RULE_ENUM)
#undef ATTEST_RULE_ENUM
        ATTEST_RULE_COUNT
};

/* A released program. */
struct attest_release {
    enum attest_kind kind;
    uint8_t measurement[ATTEST_MEASUREMENT_MAX]; /* MRENCLAVE, MRTD, MEASUREMENT; zero-filled */
    bool with_rtmrs;                             /* TDX: RTMR0 to 2 count as well */
    uint8_t rtmr[3][48];
    bool with_signer; /* SGX: MRSIGNER, product and least version as a second condition */
    uint8_t signer[32];
    uint16_t prod_id, svn_min;
    uint64_t active_from, retires; /* heights: taken in [active_from, retires); 0: never retires */
};

/* All pointers borrowed for as long as the policy is used. */
struct attest_policy {
    uint8_t kinds;    /* bit 1 << enum attest_kind */
    bool any_release; /* diagnosis without a network: RELEASE is not asked */
    const struct attest_release *releases;
    size_t release_count;
    const uint8_t (*denied_devices)[32]; /* platform ids */
    size_t denied_device_count;
    const uint8_t (*denied_measurements)[ATTEST_MEASUREMENT_MAX];
    size_t denied_measurement_count;
    const uint8_t (*denied_fmspcs)[6];
    size_t denied_fmspc_count;

    uint32_t statuses;       /* bit 1 << STATUS_ set */
    uint32_t grace_statuses; /* taken for grace_s after a better level came out, when admitted */
    uint64_t grace_s;
    const char *const *advisories; /* known to be mitigated; needed for all but UpToDate */
    size_t advisory_count;
    uint32_t evaluation_min;
    bool clients; /* PCK Processor CA */

    uint64_t td_required, td_forbidden; /* TDATTRIBUTES */
    uint8_t td_config[48];              /* MRCONFIGID may be this or zero */

    uint8_t snp_products;                 /* bit 1 << enum snp_product */
    struct snp_tcb snp_min[SNP_PRODUCTS]; /* all zero: not set, refused */
    uint8_t snp_firmware_min[3];
    uint64_t snp_required, snp_forbidden;   /* guest POLICY */
    uint64_t snp_platform_required;         /* PLATFORM_INFO */
    uint64_t snp_mitigations[SNP_PRODUCTS]; /* bits wanted of LAUNCH_MIT_VECTOR */
    uint32_t snp_vmpl;
    bool snp_vlek;
};

struct attest_situation {
    uint64_t height, time; /* of the block; seconds */
    bool admitted;         /* renews: the worker was admitted before */
};

/* The proposed defaults: no releases, all kinds of hardware. Static storage. */
const struct attest_policy *attest_policy_default(void);

/* attest_policy_refusals gives the rules that say no, as bits 1 << enum attest_rule; 0: accepted.
 * verdict is a genuine one (asserted). */
uint64_t attest_policy_refusals(const struct attest_policy *policy,
                                const struct attest_verdict *verdict,
                                const struct attest_situation *situation);

/* "SNP_VLEK" and its sentence; never NULL. Static storage. */
const char *attest_policy_rule_name(enum attest_rule rule);
const char *attest_policy_rule_text(enum attest_rule rule);

#endif
