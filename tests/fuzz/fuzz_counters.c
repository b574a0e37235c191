/*
 * Fuzz: a counters file.  The first byte says how to read the rest: even, as the whole file; odd, as changes (two bytes of
 * place, one of value) to a sound file, which gets past the first checks far more often.  From 128 on it is a real file.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "monitor/counters_reader.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

/* A file with a row of every kind. */
static uint8_t *make_file(size_t *ret_len)
{
    static const char *const name = "a name of more than thirty-five bytes, so that a text row is needed for it";
    struct counters_file *file = NULL;
    struct counters_inflow *inflow = NULL;
    struct counters_actor *line;
    void *bytes = NULL;

    require(counters_file_open(heap_default(), &(struct counters_options){.name = "n", .no_file = true}, &file) == MAIKO_OK);
    line = counters_actor_add(file, 1, name, 1, 0);
    require(line != NULL && counters_actor_times(file, line) != NULL);
    COUNT(line, received, 2);
    COUNT(line, dropped, 1);
    COUNT_SHARED(counters_drop(file, line, 0, name, MAIKO_DROPPED_NEWEST), events, 1);
    require(counters_topic_add(file, 0, name) != NULL && counters_topic_add(file, 1, name) != NULL);
    require(counters_shard_add(file, 0, "shard") != NULL);
    require(counters_link_add(file, name, 64, &inflow) != NULL && inflow != NULL);
    require(counters_export_add(file, name) != NULL);
    require(counters_file_image(file, heap_default(), &bytes, ret_len) == MAIKO_OK);
    counters_file_close(file, true, 0);
    return bytes;
}

static size_t length_of(const char *text)
{
    require(text != NULL);
    return strlen(text);
}

/* Everything a caller may ask, and every string to its end. */
static size_t ask_everything(const maiko_counters *counters)
{
    maiko_counters_balance balance;
    maiko_counters_actor actor;
    maiko_counters_topic topic;
    maiko_counters_shard shard;
    maiko_counters_drop drop;
    maiko_counters_link link;
    maiko_counters_export exported;
    maiko_counters_field field;
    maiko_counters_info info;
    size_t total = 0;
    size_t i;

    uint32_t reason;

    require(maiko_counters_get_info(counters, &info) == MAIKO_OK);
    total += maiko_counters_actor_count(counters) + maiko_counters_topic_count(counters) + maiko_counters_shard_count(counters);
    total += maiko_counters_link_count(counters) + maiko_counters_field_count(counters);
    for (reason = 0; reason < 20; reason++) {
        (void)maiko_counters_dropped_for(counters, (maiko_drop_reason)reason);
        total += length_of(maiko_drop_reason_text((maiko_drop_reason)reason));
    }
    for (i = 0; maiko_counters_get_actor(counters, i, &actor) == MAIKO_OK; i++)
        total += length_of(actor.name) + length_of(maiko_actor_phase_name(actor.phase));
    for (i = 0; maiko_counters_get_topic(counters, i, &topic) == MAIKO_OK; i++)
        total += length_of(topic.name);
    for (i = 0; maiko_counters_get_shard(counters, i, &shard) == MAIKO_OK; i++)
        total += length_of(shard.name);
    for (i = 0; maiko_counters_get_drop(counters, i, &drop) == MAIKO_OK; i++)
        total += length_of(drop.topic) + length_of(drop.actor);
    for (i = 0; maiko_counters_get_link(counters, i, &link) == MAIKO_OK; i++)
        total += length_of(link.peer);
    for (i = 0; maiko_counters_get_export(counters, i, &exported) == MAIKO_OK; i++)
        total += length_of(exported.topic);
    for (i = 0; maiko_counters_get_field(counters, i, &field) == MAIKO_OK; i++)
        total += length_of(field.name) + length_of(field.unit) + length_of(field.kind) + length_of(field.text);
    (void)maiko_counters_find_actor(counters, "n", &actor);
    (void)maiko_counters_get_totals(counters, &actor);
    if (maiko_counters_check_balance(counters, &balance) == MAIKO_OK)
        require(balance.is_balanced == (balance.text[0] == '\0'));
    return total + length_of(info.name) + length_of(info.path);
}

static void read_it(const uint8_t *bytes, size_t len)
{
    maiko_counters *counters = NULL;

    if (counters_read_image(heap_default(), bytes, len, &counters) == MAIKO_OK)
        require(ask_everything(counters) < ((size_t)1 << 40));
    maiko_counters_free(counters);
}

/* Through its path, as tools do, and once more when it has changed. */
static void read_file(const uint8_t *bytes, size_t len)
{
    maiko_counters *counters = NULL;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    require(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (maiko_counters_open(path, &counters) == MAIKO_OK) {
        require(maiko_counters_refresh(counters) == MAIKO_OK);
        (void)ask_everything(counters);
        require(ftruncate(fd, (off_t)len / 2) == 0);
        (void)!maiko_counters_refresh(counters);
        require(ask_everything(counters) < ((size_t)1 << 40));
    }
    maiko_counters_free(counters);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    void (*const read_bytes)(const uint8_t *, size_t) = len > 0 && data[0] >= 128 ? read_file : read_it;
    size_t file_len = 0;
    uint8_t *file;
    size_t i;

    if (len > 0 && data[0] % 2 == 0) {
        read_bytes(data + 1, len - 1);
        return 0;
    }
    file = make_file(&file_len);
    for (i = 1; i + 3 <= len; i += 3)
        file[(data[i] | (size_t)data[i + 1] << 8) % file_len] = data[i + 2];
    read_bytes(file, file_len);
    heap_free(heap_default(), file, file_len);
    return 0;
}
