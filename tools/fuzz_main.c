/* Runs a fuzz target over files (the corpus) without a fuzzer, so that gcc builds run it too. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            perror(argv[i]);
            return 1;
        }
        if (fseek(f, 0, SEEK_END) != 0)
            return 1;
        long size = ftell(f);
        rewind(f);
        uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
        if (data == NULL || size < 0 || fread(data, 1, (size_t)size, f) != (size_t)size)
            return 1;
        LLVMFuzzerTestOneInput(data, (size_t)size);
        free(data);
        fclose(f);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
