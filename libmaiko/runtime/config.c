/* Config: defaults and limits, one table. */
#include "runtime/config.h"

#include "base/utf8.h"
#include "runtime/shard.h"
#include "runtime/usable_cores.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* X(field, default, most); 0 stands for the default */
#define CONFIG_NUMBERS(X)                                                                                                        \
    X(mailbox_capacity, 128, 1u << 24)                                                                                           \
    X(tick_limit, 10, 1u << 24)                                                                                                  \
    X(outbox_limit_events, 256, 1u << 24)                                                                                        \
    X(outbox_limit_bytes, 1u << 20, UINT64_C(1) << 40)                                                                           \
    X(turn_budget_events, 1024, 1u << 24)                                                                                        \
    X(turn_budget_ns, MAIKO_US(50), MAIKO_SECONDS(1))                                                                            \
    X(stop_deadline_ns, MAIKO_SECONDS(30), UINT64_MAX)                                                                           \
    X(actor_stop_deadline_ns, MAIKO_SECONDS(5), UINT64_MAX)                                                                      \
    X(deadlock_check_ns, MAIKO_MS(20), MAIKO_HOURS(1))                                                                           \
    X(overdraft_events, 128, 1u << 24)                                                                                           \
    X(spin_ns, 0, MAIKO_SECONDS(1))                                                                                              \
    X(watchdog_ns, MAIKO_MS(100), UINT64_MAX)                                                                                    \
    X(dynamic_topics, 65536, 1u << 24)                                                                                           \
    X(max_payload_bytes, MAIKO_EVENT_MAX, MAIKO_EVENT_MAX)                                                                       \
    X(mailbox_bytes, 0, UINT64_MAX)                                                                                              \
    X(memory_cap_bytes, 0, SIZE_MAX)                                                                                             \
    X(seed, 0, UINT64_MAX)

/* The first that is wrong has the text. */
static void bad(struct text *error, maiko_status *status, const char *field, const char *why)
{
    if (*status == MAIKO_OK)
        text_append_format(error, "config.%s %s", field, why);
    *status = MAIKO_EINVAL;
}

static void too_much(struct text *error, maiko_status *status, const char *field, uint64_t value, uint64_t most)
{
    char why[80];

    snprintf(why, sizeof why, "is %" PRIu64 ", at most %" PRIu64, value, most);
    bad(error, status, field, why);
}

static maiko_status check_numbers(maiko_config *config, struct text *error)
{
    maiko_status status = MAIKO_OK;

#define CHECK_(field, fallback, most)                                                                                            \
    if ((uint64_t)config->field > (uint64_t)(most)) {                                                                            \
        too_much(error, &status, #field, (uint64_t)config->field, (uint64_t)(most));                                             \
        config->field = 0;                                                                                                       \
    }                                                                                                                            \
    if (config->field == 0)                                                                                                      \
        config->field = fallback;
    CONFIG_NUMBERS(CHECK_)
#undef CHECK_
    return status;
}

static maiko_placement placement_wanted(maiko_placement given)
{
    const char *wanted = secure_getenv("MAIKO_PLACEMENT");

    if (wanted != NULL && strcmp(wanted, "spread") == 0)
        return MAIKO_PLACEMENT_SPREAD;
    return given;
}

static bool name_is_good(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len < 64 && strchr(name, '/') == NULL && utf8_is_valid(name, len) && !utf8_has_control(name, len);
}

static uint32_t usual_shards(maiko_mode mode)
{
    uint32_t cores = mode == MAIKO_DETERMINISTIC ? 1 : usable_cores();

    return cores > SHARD_MAX ? SHARD_MAX : cores;
}

maiko_status config_resolve(const maiko_config *given, size_t size, maiko_config *ret_config, struct text *error)
{
    maiko_config config;
    maiko_status status;

    memset(&config, 0, sizeof config);
    if (given != NULL)
        memcpy(&config, given, size < sizeof config ? size : sizeof config);
    status = check_numbers(&config, error);
    if (config.name == NULL)
        config.name = "maiko";
    if (!name_is_good(config.name)) {
        bad(error, &status, "name", "is not 1 to 63 bytes of text without '/'");
        config.name = "maiko";
    }
    if ((unsigned)config.mode > MAIKO_DETERMINISTIC) {
        bad(error, &status, "mode", "is none");
        config.mode = MAIKO_THREADS;
    }
    if ((unsigned)config.placement > MAIKO_PLACEMENT_SPREAD) {
        bad(error, &status, "placement", "is none");
        config.placement = MAIKO_PLACEMENT_AUTO;
    }
    if (config.allocator != NULL && (config.allocator->allocate == NULL || config.allocator->release == NULL)) {
        bad(error, &status, "allocator", "lacks a function");
        config.allocator = NULL;
    }
    if (config.shards > SHARD_MAX) {
        too_much(error, &status, "shards", config.shards, SHARD_MAX);
        config.shards = 0;
    }
    config.placement = placement_wanted(config.placement);
    if (config.mode == MAIKO_POLLED)
        config.shards = 1;
    if (config.shards == 0)
        config.shards = usual_shards(config.mode);
    *ret_config = config;
    return status;
}
