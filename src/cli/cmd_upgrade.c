/* node upgrade: the worker goes on in another enclave; node certify: what makes that possible.
 * docs/guide/upgrade.md. */
#include "attest/attest.h"
#include "base/hex.h"
#include "base/release.h"
#include "cli/collateral.h"
#include "cli/market.h"
#include "cli/node.h"
#include "codec/node_msg.h"
#include "codec/release_cert.h"
#include "crypto/sha256.h"
#include "rt/clock.h"
#include "rt/path.h"
#include "rt/seed_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { WAIT_MS = 180000, POLL_MS = 500, DOCUMENTS_MAX = 64 << 10 };

static const char *const stage_texts[] = { "nothing is done yet", "the successor's keys are made",
                                           "the enclave has handed over",
                                           "the successor is at work" };

struct upgrade {
    struct ipc_sink daemon;
    struct node_status status;
    struct node_handed handed;
    struct chain_client_status chain;
    struct node_hand_over request;
    struct mspan certificate, documents;
    const char *folder; /* with documents, or NULL */
    uint8_t worker[32]; /* before */
    uint8_t body[NODE_MSG_BODY_MAX];
};

static enum cli_exit connect(struct cli *c, struct upgrade *u)
{
    char socket[CONFIG_HOME_MAX + 16];
    local_socket(c, socket);
    if (ipc_sink_connect(&u->daemon, socket) != OK || node_ask(&u->daemon, &u->status) != OK)
        return cli_fail(c, CLI_UNREACHABLE, "start crust-ipfsd",
                        "crust-ipfsd does not answer at %s", socket);
    if (!u->status.storage)
        return cli_fail(c, CLI_REFUSED, "crust node init", "this node runs no enclave");
    memcpy(u->worker, u->status.worker, 32);
    return CLI_OK;
}

static enum err ask_step(struct upgrade *u, enum node_hand_over_step step)
{
    struct ipc_msg reply;
    struct writer w = writer_of(u->body, sizeof(u->body));
    u->request.step = (uint32_t)step;
    u->request.time = clock_wall_ms() / 1000;
    node_msg_encode_hand_over(&w, &u->request);
    TRY(w.err);
    TRY(ipc_sink_call(&u->daemon, &reply, NODE_HAND_OVER, writer_span(&w)));
    TRY(node_msg_decode_handed(&u->handed, reply.body));
    return u->handed.stage <= 3 ? OK : ERR_FORMAT;
}

static enum cli_exit step_failed(const struct cli *c, const struct upgrade *u, enum err e)
{
    const char *what = u->daemon.what[0] != '\0' ? u->daemon.what : err_text(e);
    return cli_fail(c, e == ERR_DENIED || e == ERR_SIGNATURE ? CLI_REFUSED : cli_exit_of(e),
                    u->daemon.next[0] != '\0' ? u->daemon.next : "crust node upgrade again",
                    "%s; the present worker stays as it is", what);
}

/* What the chain knows of a worker; CLI_NOT_FOUND without telling. */
static enum cli_exit ask_chain(const struct cli *c, struct chain_client_worker *out,
                               const uint8_t worker[32])
{
    char path[CHAIN_CLIENT_PATH_MAX];
    struct ledger_reply r;
    chain_client_worker_path(path, worker);
    enum cli_exit exit = ledger_get(c, &r, path);
    return exit == CLI_OK
               ? ledger_end(c, &r, chain_client_decode_worker(out, span_of(r.body.p, r.body.n)))
               : exit;
}

static bool is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static enum cli_exit read_files(const struct cli *c, struct upgrade *u)
{
    const char *certificate = cli_value(c, "certificate"), *documents = cli_value(c, "documents");
    if (certificate == NULL)
        return cli_usage(c, "--certificate FILE says that the successor is a release");
    if (path_read_file(&u->certificate, certificate, RELEASE_CERT_SIZE_MAX) != OK)
        return cli_fail(c, CLI_NOT_FOUND, NULL, "%s cannot be read", certificate);
    u->request.certificate = span_of(u->certificate.p, u->certificate.n);
    u->folder = documents != NULL && is_folder(documents) ? documents : NULL;
    if (documents == NULL || u->folder != NULL)
        return CLI_OK;
    if (path_read_file(&u->documents, documents, DOCUMENTS_MAX) != OK)
        return cli_fail(c, CLI_NOT_FOUND, NULL, "%s cannot be read", documents);
    u->request.documents = span_of(u->documents.p, u->documents.n);
    return CLI_OK;
}

static void say(const struct cli *c, const struct upgrade *u)
{
    if (!c->json)
        printf("%u of 3   %s\n", u->handed.stage, stage_texts[u->handed.stage]);
    fflush(stdout);
}

/* The documents that the successor's evidence is judged by, unless they were given. */
static enum cli_exit find_documents(const struct cli *c, struct upgrade *u)
{
    enum attest_kind kind;
    struct span data;
    if (u->documents.n != 0)
        return CLI_OK;
    enum err e = ask_step(u, NODE_HAND_OVER_SHOW);
    if (e == OK)
        e = attest_open(&kind, &data, u->handed.evidence);
    if (e != OK)
        return step_failed(c, u, e);
    if (kind == ATTEST_SOFTWARE)
        return CLI_OK;
    enum cli_exit exit = collateral_gather(c, &u->documents, data, u->folder);
    u->request.documents = span_of(u->documents.p, u->documents.n);
    return exit;
}

/* The steps that are left, up to the one that --until names. */
static enum cli_exit do_steps(const struct cli *c, struct upgrade *u)
{
    static const char *const names[] = { "offer", "give", "switch" };
    const char *until = cli_value(c, "until");
    enum err e = ask_step(u, NODE_HAND_OVER_LOOK);
    if (e != OK)
        return step_failed(c, u, e);
    bool done = u->handed.stage == 3 && memcmp(u->handed.successor, u->worker, 32) == 0;
    uint32_t at = done ? 0 : u->handed.stage;
    for (uint32_t i = 0; until != NULL && i < at; i++) {
        if (strcmp(until, names[i]) == 0) {
            say(c, u);
            return CLI_CANCELLED;
        }
    }
    for (; at < 3; at++) {
        enum cli_exit exit = at == 1 ? find_documents(c, u) : CLI_OK;
        if (exit != CLI_OK)
            return exit;
        e = ask_step(u, (enum node_hand_over_step)(at + 1));
        if (e != OK)
            return step_failed(c, u, e);
        say(c, u);
        if (until != NULL && strcmp(until, names[at]) == 0)
            return CLI_CANCELLED;
    }
    return CLI_OK;
}

static enum cli_exit wait_for_chain(struct cli *c, const struct upgrade *u,
                                    struct chain_client_worker *w)
{
    for (uint32_t ms = 0; ms < WAIT_MS; ms += POLL_MS) {
        enum cli_exit exit = ask_chain(c, w, u->handed.successor);
        if (exit == CLI_OK)
            return CLI_OK;
        if (exit != CLI_NOT_FOUND)
            return exit;
        cli_progress(c, "waiting for the chain", ms / 1000, WAIT_MS / 1000);
        clock_sleep_ms(POLL_MS);
    }
    return cli_fail(
        c, CLI_FAILED, "crust node upgrade",
        "the chain has not taken the successor yet: crust-agentd sends it; is it running?");
}

static enum cli_exit finish(struct cli *c, const struct upgrade *u)
{
    struct chain_client_worker w;
    char old[65], new[65], lineage[65];
    enum cli_exit exit = wait_for_chain(c, u, &w);
    cli_progress_end(c);
    if (exit != CLI_OK)
        return exit;
    hex_format(old, span_of(u->handed.predecessor, 32));
    hex_format(new, span_of(w.worker, 32));
    hex_format(lineage, span_of(w.lineage, 32));
    if (c->json)
        return cli_print_json(
            json_pack("{s:s, s:s, s:s}", "worker", new, "predecessor", old, "lineage", lineage));
    printf("worker    %s\nbefore    %s, which the chain takes nothing from any more\n"
           "files     all stay as they are, and proven\n",
           new, old);
    return CLI_OK;
}

static enum cli_exit run(struct cli *c, struct upgrade *u)
{
    struct chain_client_worker w;
    enum cli_exit exit = connect(c, u);
    if (exit == CLI_OK)
        exit = read_files(c, u);
    if (exit == CLI_OK)
        exit = ledger_status(c, &u->chain);
    if (exit != CLI_OK)
        return exit;
    exit = ask_chain(c, &w, u->worker);
    if (exit == CLI_NOT_FOUND) { /* a successor already, whose transaction is on its way? */
        enum err e = ask_step(u, NODE_HAND_OVER_LOOK);
        bool ours =
            e == OK && u->handed.stage == 3 && memcmp(u->handed.successor, u->worker, 32) == 0;
        return ours
                   ? finish(c, u)
                   : cli_fail(c, CLI_REFUSED, "crust status",
                              "the chain does not know this worker: there is nothing to hand over");
    }
    if (exit != CLI_OK)
        return exit;
    memcpy(u->request.account, w.account, 32);
    memcpy(u->request.block_hash, u->chain.block_hash, 32);
    exit = do_steps(c, u);
    return exit == CLI_OK ? finish(c, u) : exit == CLI_CANCELLED ? CLI_OK : exit;
}

enum cli_exit cmd_upgrade_run(struct cli *c)
{
    struct upgrade *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return cli_fail(c, CLI_FAILED, NULL, "out of memory");
    enum cli_exit exit = run(c, u);
    ipc_sink_close(&u->daemon);
    free(u->certificate.p);
    free(u->documents.p);
    free(u);
    return exit;
}

/* ---- certificates -------------------------------------------------------------------------- */

/* "software", "sgx:HEX", "snp:HEX", "tdx:HEX" with MRTD, or with RTMR0 to 2 behind it. */
static bool parse_program(struct release_cert_program *p, const char *text)
{
    static const char *const kinds[] = { "software", "sgx", "tdx", "snp" };
    static const size_t sizes[] = { 0, 32, 48 + 144, 48 };
    uint8_t bytes[192];
    *p = (struct release_cert_program){ 0 };
    for (uint8_t k = 0; k < 4; k++) {
        size_t n = strlen(kinds[k]), digits = strlen(text) > n ? strlen(text) - n - 1 : 0;
        if (strncmp(text, kinds[k], n) != 0 || (text[n] != '\0' && text[n] != ':') ||
            digits != 2 * sizes[k])
            continue;
        p->kind = k;
        if (sizes[k] > 0 && hex_parse(bytes, sizes[k], text + n + 1) != OK)
            return false;
        memcpy(p->measurement, bytes, sizes[k] < 48 ? sizes[k] : 48);
        if (sizes[k] > 48)
            memcpy(p->rtmr, bytes + 48, sizeof(p->rtmr));
        return true;
    }
    return false;
}

static enum cli_exit new_body(struct cli *c, struct writer *w)
{
    struct release_cert cert = { .number = RELEASE_NUMBER, .issued = clock_wall_ms() / 1000 };
    const struct cli_given *programs = cli_values(c, "program");
    const char *release = cli_value(c, "release"), *number = cli_value(c, "number");
    const char *chain = cli_value(c, "chain-id");
    uint64_t n = RELEASE_NUMBER;
    if (chain == NULL || programs->count == 0 || programs->count > RELEASE_CERT_PROGRAMS_MAX)
        return cli_usage(c, "a new certificate needs --chain-id and one to four --program");
    if (number != NULL && (config_number(&n, CONFIG_U64, number) != OK || n > UINT32_MAX))
        return cli_usage(c, "--number: \"%s\" is no number", number);
    cert.number = (uint32_t)n;
    sha256(cert.chain, span_str(chain));
    attest_release_id(cert.release_id, span_str(release != NULL ? release : RELEASE));
    for (size_t i = 0; i < programs->count; i++) {
        if (!parse_program(&cert.programs[cert.program_count++], programs->values[i]))
            return cli_usage(c, "--program: \"%s\" is not software, sgx:HEX, tdx:HEX or snp:HEX",
                             programs->values[i]);
    }
    release_cert_encode_body(w, &cert);
    return CLI_OK;
}

/* The body and the signatures it has, with one more. */
static enum cli_exit sign(struct cli *c, struct writer *w, const struct release_cert *before,
                          const struct release_cert_keys *keys, const struct ed25519_key *key)
{
    uint8_t hash[32], mine = 0, signature[64];
    while (mine < keys->count && memcmp(keys->keys[mine], key->public_key, 32) != 0)
        mine++;
    if (mine == keys->count)
        return cli_fail(c, CLI_REFUSED, NULL, "the key is none of --keys");
    release_cert_hash(hash, writer_span(w));
    ed25519_sign(signature, span_of(hash, 32), key);
    bool again = false;
    for (uint8_t i = 0; i < before->signature_count; i++)
        again |= before->signers[i] == mine;
    write_u8(w, (uint8_t)(before->signature_count + (again ? 0 : 1)));
    for (uint8_t i = 0; i < RELEASE_CERT_KEYS_MAX; i++) {
        const uint8_t *of = i == mine ? signature : NULL;
        for (uint8_t k = 0; of == NULL && k < before->signature_count; k++)
            of = before->signers[k] == i ? before->signatures[k] : NULL;
        if (of == NULL)
            continue;
        write_u8(w, i);
        write_bytes(w, of, 64);
    }
    return w->err == OK ? CLI_OK : cli_fail(c, CLI_FAILED, NULL, "the certificate is too long");
}

static enum cli_exit certify(struct cli *c, struct mspan *in, const struct ed25519_key *key)
{
    uint8_t out[RELEASE_CERT_SIZE_MAX];
    struct writer w = writer_of(out, sizeof(out));
    struct release_cert before = { 0 }, after;
    struct release_cert_keys keys;
    const char *file = c->args[0], *text = cli_value(c, "keys");
    enum cli_exit exit = CLI_OK;
    if (text == NULL || release_cert_keys_parse(&keys, span_str(text)) != OK)
        return cli_usage(c, "--keys K:HEX,HEX... names all governance keys, ascending");
    enum err e = path_read_file(in, file, RELEASE_CERT_SIZE_MAX);
    if (e == ERR_NOT_FOUND)
        exit = new_body(c, &w);
    else if (e != OK || release_cert_decode(&before, span_of(in->p, in->n)) != OK)
        return cli_fail(c, CLI_REFUSED, NULL, "%s is no release certificate", file);
    else
        write_span(&w, before.body);
    if (exit == CLI_OK)
        exit = sign(c, &w, &before, &keys, key);
    if (exit != CLI_OK)
        return exit;
    if (path_write_file(file, writer_span(&w), 0644) != OK ||
        release_cert_decode(&after, writer_span(&w)) != OK)
        return cli_fail(c, CLI_FAILED, NULL, "%s cannot be written", file);
    bool enough = release_cert_check(&after, &keys) == OK;
    if (c->json)
        return cli_print_json(json_pack("{s:s, s:i, s:i, s:b}", "file", file, "number",
                                        (int)after.number, "signatures", after.signature_count,
                                        "enough", enough));
    printf("%s: release number %u, %u of %u signatures%s\n", file, after.number,
           after.signature_count, keys.needed, enough ? ": it can be used" : "");
    return CLI_OK;
}

enum cli_exit cmd_upgrade_certify(struct cli *c)
{
    struct mspan in = { NULL, 0 };
    AUTO(ed25519_wipe) struct ed25519_key key = { .seed = { 0 } };
    const char *seed = cli_value(c, "sign");
    if (seed == NULL)
        return cli_usage(c, "--sign FILE is the seed of a governance key");
    if (seed_file_read(&key, seed) != OK)
        return cli_fail(c, CLI_NOT_FOUND, NULL, "%s is no seed file", seed);
    enum cli_exit exit = certify(c, &in, &key);
    free(in.p);
    return exit;
}
