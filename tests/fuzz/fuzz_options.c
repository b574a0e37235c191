/* The configuration file of an app, and behind a NUL its command line, words with NULs between them; the whole is also given as
 * a file. What is taken is within the limits that the app counts on. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

enum { WORDS = 12 };

/* Each policy that was taken is one. */
static void check_overflows(const struct app_options *options)
{
    size_t i;

    for (i = 0; i < options->overflows.count; i++) {
        const char *text = options->overflows.items[i];
        const char *policy = strrchr(text, '=');
        char *pattern;

        require(policy != NULL && policy > text);
        pattern = strndup(text, (size_t)(policy - text));
        require(pattern != NULL && app_options_overflow_of(options, pattern) != MAIKO_OVERFLOW_OF_TOPIC);
        free(pattern);
    }
}

static void check(const struct app_options *options)
{
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    require(app_options_check(options, &error) == MAIKO_OK || error.len > 0);
    check_overflows(options);
    require(options->mailbox <= UINT32_MAX && options->window <= UINT32_MAX && options->wait_ns <= UINT64_C(1000000000000000000));
    (void)app_options_need_bridge(options);
    (void)text_list_has(&options->actors, "a");
}

static void read_words(int count, char **words)
{
    struct app_options options;
    char reason[256];
    struct text error;

    text_init_buffer(&error, reason, sizeof(reason));
    app_options_init(&options, heap_default());
    if (app_options_read(&options, count, words, &error) != MAIKO_OK)
        require(error.len > 0);
    else
        require(options.arguments_at > 0 && options.arguments_at <= count);
    check(&options);
    app_options_deinit(&options);
}

/* Files are not named by the fuzzer: those it could find are not the same everywhere. */
static void read_command_line(const char *text, const char *end)
{
    char *words[WORDS + 1] = {(char *)(uintptr_t) "app"};
    int count = 1;

    for (; text < end && count < WORDS; text += strlen(text) + 1)
        if (strncmp(text, "--c", 3) != 0 || strncmp(text, "--conn", 6) == 0)
            words[count++] = (char *)(uintptr_t)text;
    read_words(count, words);
}

static void read_file(const uint8_t *data, size_t len)
{
    char path[64];
    char *words[] = {(char *)(uintptr_t) "app", (char *)(uintptr_t) "--config", path, NULL};
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    read_words(3, words);
    close(fd);
    read_words(3, words); /* nothing is there any more */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = calloc(1, len + 1);
    struct app_options options;
    char reason[256];
    struct text error;

    if (text == NULL)
        return 0;
    if (len > 0)
        memcpy(text, data, len);
    text_init_buffer(&error, reason, sizeof(reason));
    app_options_init(&options, heap_default());
    if (app_options_read_ini(&options, text, &error) != MAIKO_OK)
        require(error.len > 0);
    require(!options.wants_help && !options.wants_list);
    check(&options);
    app_options_deinit(&options);
    if (strlen(text) < len)
        read_command_line(text + strlen(text) + 1, text + len);
    read_file(data, len);
    free(text);
    return 0;
}
