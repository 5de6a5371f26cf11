/* What connected peers cost: a swarm (the node's host of libp2p connections) in one process, 1,000
 * peers of their own identities in another, connected over loopback by Noise. Prints, as JSON, the
 * resident memory with none and with all, how fast they were taken in, and the processor time and
 * bytes of a minute in which nobody wants anything.
 *
 *   peers_bench [PEERS [SECONDS]] */
#include "crypto/random.h"
#include "ipfsd/swarm.h"
#include "rt/clock.h"
#include "rt/path.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PEERS_MAX = GATE_CONNECTIONS_MAX, DEADLINE_MS = 120000, AT_A_TIME = 16 };

static struct gate_limits limits_of(uint32_t connections)
{
    struct gate_limits l = gate_defaults();
    l.connections = l.inbound = l.water = l.per_host = connections;
    l.pending = connections < 64 ? connections : 64;
    l.network_burst = l.dial_burst = 1000000;
    l.network_every_ms = l.dial_every_ms = 1;
    return l;
}

static struct swarm_options options_of(struct ed25519_key *identity, uint32_t connections)
{
    uint8_t seed[32];
    random_bytes(seed, sizeof(seed));
    ed25519_keypair(identity, seed);
    return (struct swarm_options){ .identity = identity,
                                   .limits = limits_of(connections),
                                   .noise = true,
                                   .early_muxer = true,
                                   .allow_private = true,
                                   .agent = "bench" };
}

/* ---- the peers ---- */

static uint32_t ready;

static void on_peer(void *ctx, uint32_t connection, const struct peer_id *peer, bool inbound)
{
    (void)ctx;
    (void)connection;
    (void)peer;
    (void)inbound;
    ready++;
}

_Noreturn static void run_peers(const struct multiaddr *at, uint32_t count)
{
    static struct ed25519_key keys[PEERS_MAX];
    struct loop *l;
    uint64_t retry;
    if (loop_new(&l, 0) != OK)
        _exit(1);
    for (uint32_t i = 0; i < count; i++) {
        struct swarm *s;
        uint32_t c;
        struct swarm_options o = options_of(&keys[i], 1);
        o.buffers = 4;
        o.streams = o.chunks = 64;
        o.on_peer = on_peer;
        if (swarm_open(&s, l, &o) != OK || swarm_dial(s, at, &c, &retry) != OK)
            _exit(1);
        while (i + 1 >= ready + AT_A_TIME)
            loop_run_once(l, 100);
    }
    loop_run(l);
    _exit(0);
}

/* ---- what is measured ---- */

static uint64_t resident(void)
{
    struct mspan text;
    if (path_read_file(&text, "/proc/self/status", 65536) != OK)
        return 0;
    const char *at = strstr((const char *)text.p, "VmRSS:");
    uint64_t kib = at == NULL ? 0 : strtoull(at + 6, NULL, 10);
    free(text.p);
    return kib << 10;
}

static double cpu_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct swarm_figures figures(struct swarm *s)
{
    struct swarm_figures f;
    swarm_figures(s, &f);
    return f;
}

static int measure(struct swarm *s, struct loop *l, uint32_t count, uint32_t seconds)
{
    uint64_t before = resident(), start = clock_mono_ms();
    while (figures(s).ready < count && clock_mono_ms() < start + DEADLINE_MS)
        loop_run_once(l, 100);
    uint64_t took = clock_mono_ms() - start;
    struct swarm_figures f = figures(s);
    if (f.ready < count) {
        fprintf(stderr, "only %u of %u peers are connected\n", f.ready, count);
        return 1;
    }
    double taking_in = cpu_s();
    for (uint64_t end = clock_mono_ms() + 5000; clock_mono_ms() < end;)
        loop_run_once(l, 100); /* identify */
    double cpu = cpu_s();
    f = figures(s);
    for (uint64_t end = clock_mono_ms() + 1000ULL * seconds; clock_mono_ms() < end;)
        loop_run_once(l, 100);
    struct swarm_figures g = figures(s);
    uint64_t with = resident();
    printf("{\"peers\":%u,\"resident_before_mib\":%.1f,\"resident_mib\":%.1f,\"kib_a_peer\":%.1f,"
           "\"taken_in_a_second\":%.0f,\"cpu_ms_a_peer\":%.2f,\"idle_cpu_percent\":%.2f,"
           "\"idle_bytes_a_second_in\":%.0f,\"out\":%.0f,\"still_connected\":%u}\n",
           count, (double)before / 1048576, (double)with / 1048576,
           (double)(with - before) / 1024 / count, count * 1000.0 / (double)took,
           taking_in * 1000 / count, (cpu_s() - cpu) * 100 / seconds,
           (double)(g.bytes_in - f.bytes_in) / seconds,
           (double)(g.bytes_out - f.bytes_out) / seconds, g.ready);
    return g.ready == count ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct ed25519_key identity;
    struct loop *l;
    struct swarm *s;
    struct multiaddr at;
    const uint8_t ip[4] = { 127, 0, 0, 1 };
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    uint32_t seconds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 60;
    if (random_init() != OK || count == 0 || count > PEERS_MAX || seconds == 0)
        return 2;
    struct swarm_options o = options_of(&identity, count);
    o.listen[0] = multiaddr_of_ip(span_of(ip, 4), 0);
    o.listen_count = 1;
    if (loop_new(&l, 0) != OK || swarm_open(&s, l, &o) != OK || swarm_address(s, 0, &at) != OK)
        return 2;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        run_peers(&at, count);
    }
    int exit = measure(s, l, count, seconds);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    swarm_close(s);
    loop_free(l);
    return exit;
}
