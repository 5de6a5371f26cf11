/* Serves the block store of a folder over HTTP:
 *
 *   gateway_serve STORE-FOLDER [PORT [NAMES-FOLDER DNSLINKS GATEWAY-HOSTS]]
 *
 * Names and hosts are as in the settings of crust-ipfsd. Prints the port.
 * For tests and benchmarks of the gateway alone; ends when standard input does. */
#include "crypto/random.h"
#include "ipfsd/gateway_http.h"
#include "store/repo.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct repo repo;
    struct lockfile_holder holder;
    struct gateway_http *g;
    if (argc < 2 || random_init() != OK)
        return 2;
    enum err e = repo_open(&repo, &holder, argv[1], "gateway_serve", NULL);
    if (e != OK) {
        fprintf(stderr, "%s: %s\n", argv[1], err_text(e));
        return 1;
    }
    struct gateway_http_options o = { .store = repo.store };
    struct names *names = NULL;
    if (argc > 2)
        o.port = (uint16_t)strtoul(argv[2], NULL, 10);
    if (argc > 5) {
        const struct names_options n = { .folder = argv[3], .dnslinks = argv[4] };
        e = names_open(&names, &n);
        o.names = names;
        o.gateway_hosts = argv[5];
    }
    if (e == OK)
        e = gateway_http_open(&g, &o);
    if (e != OK) {
        fprintf(stderr, "cannot serve: %s\n", err_text(e));
        return 1;
    }
    printf("%u\n", gateway_http_port(g));
    fflush(stdout);
    char c;
    while (read(STDIN_FILENO, &c, 1) > 0)
        continue;
    gateway_http_close(g);
    names_close(names);
    repo_close(&repo);
    return 0;
}
