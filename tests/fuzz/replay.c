/*
 * Replay: main() of a fuzz target that is built without libFuzzer.  Feeds the target every file of its corpus, or the
 * files named on the command line, and prints TAP with one line per file, so that a crash names its input.
 */
#include <dirent.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { REPLAY_MAX_LEN = 1 << 20 };

/* The input gets a block of exactly its length, so that the address sanitizer sees one byte too many. */
static int replay_file(const char *path, int number)
{
    uint8_t *buffer = malloc(REPLAY_MAX_LEN);
    FILE *file = fopen(path, "rb");
    size_t len = 0;
    uint8_t *exact = NULL;

    if (buffer != NULL && file != NULL)
        len = fread(buffer, 1, REPLAY_MAX_LEN, file);
    exact = malloc(len > 0 ? len : 1);
    if (file == NULL || buffer == NULL || exact == NULL) {
        printf("not ok %d - cannot read %s\n", number, path);
    } else {
        memcpy(exact, buffer, len);
        printf("# %s\n", path);
        fflush(stdout);
        LLVMFuzzerTestOneInput(exact, len);
        printf("ok %d - %s\n", number, strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
    }
    if (file != NULL)
        fclose(file);
    free(exact);
    free(buffer);
    return exact != NULL && file != NULL ? 0 : 1;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_corpus(const char *directory)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_input, alphasort);
    int failed = 0;

    if (count <= 0) {
        printf("1..1\nnot ok 1 - no corpus in %s\n", directory);
        return EXIT_FAILURE;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        char path[8192];

        snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
        failed += replay_file(path, i + 1);
        free(entries[i]);
    }
    free(entries);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    char directory[4096];
    const char *source = getenv("MAIKO_SRCDIR");
    int failed = 0;

    if (argc < 2) {
        snprintf(directory, sizeof(directory), "%s/tests/fuzz/corpus/%s", source != NULL ? source : ".", basename(argv[0]));
        return replay_corpus(directory);
    }
    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++)
        failed += replay_file(argv[i], i);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
