/* SPDX-License-Identifier: Apache-2.0
 *
 * The main() of a target where libFuzzer is not at hand: every file named, and every file of every folder
 * named, goes through the target once. So the corpora are tests of every build.
 *
 *   fuzz_net_pdu corpus/net_pdu crash-1234
 */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

static unsigned run_count;

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct buf octets;
    size_t n;
    buf_init(&octets, 0);
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    do {
        uint8_t *room = buf_reserve(&octets, 65536);
        CHECK(room != NULL);
        n = fread(room, 1, 65536, file);
        octets.len += n;
    } while (n > 0);
    fclose(file);

    /* Exactly as long as it is, so that the sanitizer sees a read past its end. */
    struct span input = heap_copy(buf_span(&octets));
    buf_fini(&octets);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that failed */
    (void)LLVMFuzzerTestOneInput(input.data, input.len);
    heap_free(input);
    run_count++;
}

static void run_path(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder) {
        run_file(path);
        return;
    }
    for (struct dirent *d; (d = readdir(folder));) {
        char name[4096];
        if (d->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, d->d_name);
        run_path(name);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    fprintf(stderr, "%u inputs\n", run_count);
    return run_count > 0 ? 0 : 1;
}
