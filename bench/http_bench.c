/* http_bench: what rt/http_server costs a request. Serves /4k from memory (copied for each answer)
 * and /256k from a file by sendfile, both of a file it makes in the folder it is given, so that
 * nginx can serve the same file beside it (bench/http.sh does).
 *
 * Usage: http_bench FOLDER   prints the port; ends when standard input does. */
#include "rt/http_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SMALL = 4096, LARGE = 256 << 10 };

static uint8_t small[SMALL];
static int large_fd = -1;

static void on_request(void *ctx, struct http_request *rq)
{
    (void)ctx;
    struct http_response r = { .status = 200, .body = span_of(small, SMALL) };
    if (strcmp(http_request_path(rq), "/256k") == 0) {
        r.kind = HTTP_BODY_FD;
        r.fd = dup(large_fd);
        r.size = LARGE;
    }
    http_response_add(&r, "Content-Type", "application/octet-stream");
    (void)http_request_respond(rq, &r);
}

static int make_file(const char *folder, const char *name, size_t n)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    uint8_t *p = malloc(n);
    if (fd < 0 || p == NULL)
        exit(1);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 31);
    if (write(fd, p, n) != (ssize_t)n)
        exit(1);
    memcpy(small, p, SMALL);
    free(p);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    close(make_file(argv[1], "4k", SMALL));
    large_fd = make_file(argv[1], "256k", LARGE);
    struct http_server *s;
    struct http_server_options o = { .handler = on_request, .threads = 2 };
    enum err e = http_server_open(&s, &o);
    if (e != OK) {
        fprintf(stderr, "http_bench: %s\n", err_text(e));
        return 1;
    }
    printf("%u\n", (unsigned)http_server_port(s));
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    http_server_close(s);
    return 0;
}
