/* Lets tests/oracle/differential.py drive the proof code. One command a line on standard input, hex
 * arguments, one answer a line:
 *   begin LINEAGE            ok S          a fresh worker state
 *   step STEP                ok S | refused ERR     (the state is unchanged then)
 *   report REPORT CHAIN SUSPENDED   true | false ERR   checks signature, draws and openings */
#include "base/hex.h"
#include "crypto/ed25519.h"
#include "proof/content.h"
#include "proof/opening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct work_state state;
static char line[8 << 20];
static uint8_t bytes[4 << 20];

static struct span unhex(const char *text)
{
    size_t n = strlen(text) / 2;
    if (n > sizeof(bytes) || hex_parse(bytes, n, text) != OK)
        exit(2);
    return span_of(bytes, n);
}

static void print_state(void)
{
    uint8_t s[32];
    char text[65];
    work_state_hash(s, &state);
    hex_format(text, span_of(s, 32));
    printf("ok %s\n", text);
}

static void do_step(const char *arg)
{
    struct report_step step;
    enum err e = report_step_decode(&step, unhex(arg));
    if (e == OK)
        e = work_state_step(&state, &step);
    if (e == OK)
        print_state();
    else
        printf("refused %s\n", err_name(e));
}

static enum err check_entry(const struct report *r, const uint8_t chain[32], uint16_t suspended)
{
    const struct report_entry *entry = &r->attempt.entries[0];
    struct draw_seed seed = { chain, entry->beacon, state.lineage, entry->slot };
    static struct draw_list draws;
    draw_slot(&draws, &seed, &state, suspended, (struct draw_counts){ 2, 2 });
    if (!opening_matches(&draws, entry))
        return ERR_STATE;
    for (uint32_t i = 0; i < draws.count; i++) {
        if (!entry->answers[i].miss)
            TRY(opening_check(&state, &draws.draws[i], &entry->answers[i]));
    }
    return OK;
}

static void do_report(char *arg)
{
    static struct report r;
    char *chain_text = strchr(arg, ' ');
    if (chain_text == NULL)
        exit(2);
    *chain_text++ = '\0';
    char *suspended = strchr(chain_text, ' ');
    if (suspended == NULL)
        exit(2);
    *suspended++ = '\0';
    uint8_t chain[32];
    if (hex_parse(chain, 32, chain_text) != OK)
        exit(2);
    enum err e = report_decode(&r, unhex(arg));
    if (e == OK && memcmp(r.attempt.chain, chain, 32) != 0)
        e = ERR_STATE;
    uint8_t stored[32];
    work_state_hash(stored, &state);
    if (e == OK && memcmp(r.attempt.state, stored, 32) != 0)
        e = ERR_STATE;
    uint8_t input[REPORT_SIGNING_SIZE];
    if (e == OK) {
        report_signing_input(input, r.step_bytes, r.attempt_bytes);
        e = ed25519_verify(r.signature, span_of(input, sizeof(input)), r.attempt.worker);
    }
    if (e == OK)
        e = check_entry(&r, chain, (uint16_t)strtoul(suspended, NULL, 16));
    printf(e == OK ? "true\n" : "false %s\n", err_name(e));
}

int main(void)
{
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *arg = strchr(line, ' ');
        if (arg == NULL)
            return 2;
        *arg++ = '\0';
        if (strcmp(line, "begin") == 0) {
            work_state_init(&state, unhex(arg).p);
            print_state();
        } else if (strcmp(line, "step") == 0) {
            do_step(arg);
        } else if (strcmp(line, "report") == 0) {
            do_report(arg);
        } else {
            return 2;
        }
        fflush(stdout);
    }
    return 0;
}
