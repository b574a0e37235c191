/* Performers: what the actors of a troupe do. */
#include "sim/troupe.h"

#include "lib/suite.h"
#include "runtime/supervisor_internal.h"
#include <maiko/system.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_FIELDS(F) F(UINT32, number) F(UINT32, ttl) F(UINT64, check)
#define BIG_FIELDS(F) NOTE_FIELDS(F) F(ARRAY, filler, UINT64, 640)
#define BOX_FIELDS(F) NOTE_FIELDS(F) F(POINTER, box, struct troupe)

static void free_box(void *event);

MAIKO_EVENT(block_note, "b/0", NOTE_FIELDS)
MAIKO_EVENT(big_note, "b/2", BIG_FIELDS)
MAIKO_EVENT_WITH(newest_note, "n/0", NOTE_FIELDS, .overflow = MAIKO_DROP_NEWEST)
MAIKO_EVENT_WITH(oldest_note, "o/0", NOTE_FIELDS, .overflow = MAIKO_DROP_OLDEST)
MAIKO_EVENT_WITH(fail_note, "f/0", NOTE_FIELDS, .overflow = MAIKO_FAIL)
MAIKO_EVENT_WITH(control_note, "c/0", NOTE_FIELDS, .control = true)
MAIKO_EVENT_WITH(sticky_note, "s/0", NOTE_FIELDS, .sticky = true)
MAIKO_EVENT_WITH(sticky_oldest_note, "s/1", NOTE_FIELDS, .overflow = MAIKO_DROP_OLDEST, .sticky = true)
MAIKO_EVENT_WITH(box_note, "p/0", BOX_FIELDS, .local_only = true, .destroy = free_box)

const struct stage troupe_stages[TROUPE_TOPICS] = {
    {"b/0", MAIKO_TYPE(block_note), false, false},        {"b/1", MAIKO_TYPE(block_note), false, false},
    {"b/2", MAIKO_TYPE(big_note), false, false},          {"n/0", MAIKO_TYPE(newest_note), false, false},
    {"n/1", MAIKO_TYPE(newest_note), false, false},       {"o/0", MAIKO_TYPE(oldest_note), false, false},
    {"o/1", MAIKO_TYPE(oldest_note), false, false},       {"f/0", MAIKO_TYPE(fail_note), false, false},
    {"c/0", MAIKO_TYPE(control_note), true, false},       {"s/0", MAIKO_TYPE(sticky_note), false, true},
    {"s/1", MAIKO_TYPE(sticky_oldest_note), false, true}, {"p/0", MAIKO_TYPE(box_note), false, false},
};

static const char *const patterns[] = {"b/0", "b/1", "b/2", "b/#", "n/0", "n/#", "o/0", "o/#", "o/1", "+/0",
                                       "+/1", "#",   "c/0", "s/#", "s/0", "s/1", "p/0", "f/0", "c/#", "b/+"};

static void free_box(void *event)
{
    atomic_fetch_sub(&((box_note *)event)->box->boxes, 1);
}

void troupe_fail(struct troupe *troupe, const char *format, ...)
{
    va_list args;

    if (atomic_exchange(&troupe->has_failed, true))
        return;
    va_start(args, format);
    vsnprintf(troupe->failure, sizeof troupe->failure, format, args);
    va_end(args);
}

bool performer_chance(struct performer *performer, unsigned percent)
{
    return random_below(&performer->random, 100) < percent;
}

static uint64_t check_of(uint32_t number)
{
    return (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

bool troupe_even(const void *event, const maiko_event_type *type, void *userdata)
{
    (void)type;
    (void)userdata;
    return ((const block_note *)event)->number % 2 == 0;
}

/* --- sending --- */

union any_note {
    block_note note;
    big_note big;
    box_note box;
};

static struct told *write_down(struct performer *performer, uint8_t topic, uint32_t *ret_number)
{
    struct troupe *troupe = performer->troupe;
    uint32_t number = atomic_fetch_add(&troupe->told_count, 1);
    struct told *told;

    if (number >= troupe->plot.events) {
        atomic_fetch_sub(&troupe->told_count, 1);
        return NULL;
    }
    told = &troupe->told[number];
    performer->known[performer->index] = ++performer->serial;
    told->sender = performer->index;
    told->serial = performer->serial;
    told->cause = performer->handling;
    told->topic = topic;
    told->is_last_word = performer->is_stopping || atomic_load(&troupe->sup->runs_stop_hooks);
    memcpy(told->known, performer->known, sizeof told->known);
    *ret_number = number;
    return told;
}

/* A publisher that goes on while somebody who ended still would have heard it.  In a cycle all end at once, and what one
 * sends in its on_end the others still handle: so those whose end is due may. */
static void check_ended(struct performer *performer, const maiko_context *ctx, uint32_t number)
{
    struct troupe *troupe = performer->troupe;
    uint32_t i;

    if (troupe->plot.is_threaded || !performer->has_publish || !performer->is_first || performer->ends > 0 ||
        performer->is_stopping || performer->is_ending || actor_of_context(ctx)->end_pending)
        return;
    for (i = 1; i < atomic_load(&troupe->performer_count); i++) {
        struct performer *other = &troupe->performers[i];
        maiko_overflow policy;

        if (i != performer->index && other->ends > 0 && other->is_stable && troupe_wants(other, number, &policy))
            troupe_fail(troupe, "%s sent event %u after %s had ended", performer->name, number, other->name);
    }
}

/* With an id of its own, or one of the library's. */
static maiko_status import(struct performer *performer, const struct stage *stage, const union any_note *any, struct told *told)
{
    struct troupe *troupe = performer->troupe;

    if (performer_chance(performer, 50)) {
        told->id.hi = random_u64(&performer->random);
        told->id.lo = random_u64(&performer->random);
    }
    return maiko_importer_send(troupe->importer, &(maiko_import){.struct_size = sizeof(maiko_import),
                                                                 .topic = stage->topic,
                                                                 .type = stage->type,
                                                                 .event = any,
                                                                 .len = stage->type->size,
                                                                 .id = told->id,
                                                                 .sender = performer->name,
                                                                 .try_only = !troupe->plot.is_threaded});
}

static maiko_status say(struct performer *performer, maiko_context *ctx, const maiko_envelope *parent, uint8_t topic,
                        uint32_t ttl, bool try_only)
{
    struct troupe *troupe = performer->troupe;
    const struct stage *stage = &troupe_stages[topic];
    maiko_send_opts opts = {.struct_size = sizeof opts, .topic = stage->topic, .parent = parent, .try_only = try_only};
    union any_note any;
    struct told *told;
    maiko_status status;
    uint32_t number;

    told = write_down(performer, topic, &number);
    if (told == NULL)
        return MAIKO_EFULL;
    told->is_child = parent != NULL;
    memset(&any, 0, sizeof any);
    any.note.number = number;
    any.note.ttl = ttl;
    any.note.check = check_of(number);
    if (stage->type == MAIKO_TYPE(box_note)) {
        any.box.box = troupe;
        atomic_fetch_add(&troupe->boxes, 1);
    }
    status = performer == troupe->foreign ? import(performer, stage, &any, told)
                                          : maiko_send_options(ctx, &opts, stage->type, &any, stage->type->size);
    if (status == MAIKO_OK) {
        told->accepted = true;
        check_ended(performer, ctx, number);
    } else if (stage->type == MAIKO_TYPE(box_note)) {
        atomic_fetch_sub(&troupe->boxes, 1);
    }
    if (status == MAIKO_EDEADLOCK)
        atomic_fetch_add(&troupe->deadlocks, 1);
    return status;
}

static uint8_t some_topic(struct performer *performer)
{
    uint8_t topic = (uint8_t)random_below(&performer->random, TROUPE_TOPICS);

    if (topic == 7 && !performer->troupe->plot.has_fail)
        topic = 0;
    if (troupe_stages[topic].type == MAIKO_TYPE(box_note) && performer == performer->troupe->foreign)
        topic = 0; /* what has a destructor never comes from elsewhere */
    return performer_chance(performer, 40) ? (uint8_t)random_below(&performer->random, 2) : topic;
}

void performer_say_some(struct performer *performer, maiko_context *ctx, const maiko_envelope *parent, uint32_t ttl)
{
    size_t count = random_below(&performer->random, 100);

    count = count < 35 ? 0 : count < 75 ? 1 : count < 93 ? 2 : 3;
    if (performer->troupe->plot.has_bursts && performer_chance(performer, 6))
        count = performer->troupe->plot.outbox + random_below(&performer->random, 6);
    while (count-- > 0) {
        const maiko_envelope *because = performer_chance(performer, 50) ? parent : NULL;
        uint8_t topic = some_topic(performer);

        if (say(performer, ctx, because, topic, ttl, performer_chance(performer, 5)) == MAIKO_ECLOSED)
            return;
    }
}

/* --- coming and going --- */

static const maiko_actor_ops part;
static const maiko_actor_ops part_with_step;

static void choose_subscription(struct performer *performer, maiko_subscription *subscription)
{
    subscription->pattern = patterns[random_below(&performer->random, sizeof patterns / sizeof patterns[0])];
    subscription->overflow = MAIKO_OVERFLOW_OF_TOPIC;
    if (performer_chance(performer, 20))
        subscription->overflow = (maiko_overflow_choice)(MAIKO_BLOCK + (int)random_below(&performer->random, 3));
    if (performer_chance(performer, 15))
        subscription->predicate = troupe_even;
}

static void choose_publish(struct performer *performer)
{
    if (!performer->troupe->plot.has_streams || performer_chance(performer, 40))
        return;
    performer->publish[0] = patterns[random_below(&performer->random, sizeof patterns / sizeof patterns[0])];
    performer->publish[1] = performer_chance(performer, 50) ? "b/#" : NULL;
    performer->has_publish = true;
    performer->spec.publish = performer->publish;
}

/* On virtual shards every actor has its place; on threads some go where the library puts them.  Some get a shard of their own. */
static void choose_place(struct performer *performer)
{
    const struct plot *plot = &performer->troupe->plot;

    if (plot->has_dedicated && performer_chance(performer, 15))
        performer->spec.dedicated = true;
    else if (!plot->is_threaded || performer_chance(performer, 70))
        performer->spec.shard = MAIKO_SHARD((int)random_below(&performer->random, plot->shards));
}

struct performer *troupe_cast(struct troupe *troupe, uint64_t seed)
{
    uint32_t index = atomic_fetch_add(&troupe->performer_count, 1);
    struct performer *performer;
    size_t count;
    size_t i;

    if (index >= TROUPE_ACTORS) {
        atomic_fetch_sub(&troupe->performer_count, 1);
        return NULL;
    }
    performer = &troupe->performers[index];
    performer->troupe = troupe;
    performer->index = index;
    performer->random.state = seed * 1000003 + index;
    snprintf(performer->name, sizeof performer->name, "a%u",
             index < TROUPE_NAMES ? index : (unsigned)random_below(&performer->random, TROUPE_NAMES));
    performer->is_stable = true;
    performer->has_step = troupe->plot.has_steps && performer_chance(performer, 40);
    performer->steps_left = (uint32_t)random_below(&performer->random, 20);
    performer->receives_own = performer_chance(performer, 20);
    count = performer_chance(performer, 10) ? 0 : 1 + random_below(&performer->random, TROUPE_SUBSCRIPTIONS - 1);
    for (i = 0; i < count; i++)
        choose_subscription(performer, &performer->subscriptions[i]);
    choose_place(performer);
    performer->spec.name = performer->name;
    performer->spec.ops = performer->has_step ? &part_with_step : &part;
    performer->spec.self = performer;
    performer->spec.subscriptions = performer->subscriptions;
    performer->spec.capacity = 1 + (uint32_t)random_below(&performer->random, 8);
    if (performer_chance(performer, 40)) /* from less than one large event to a few */
        performer->spec.capacity_bytes = 1 + random_below(&performer->random, 4 * sizeof(big_note));
    performer->spec.bytes_hold_only = performer_chance(performer, 30);
    performer->spec.tick_limit = 1 + (uint32_t)random_below(&performer->random, 4);
    performer->spec.receive_own = performer->receives_own;
    choose_publish(performer);
    atomic_store(&performer->is_cast, true);
    return performer;
}

void performer_arrive(struct performer *performer)
{
    struct troupe *troupe = performer->troupe;
    struct performer *newcomer = troupe_cast(troupe, random_u64(&performer->random));

    if (newcomer == NULL)
        return;
    newcomer->is_added = maiko_supervisor_add(troupe->sup, &newcomer->spec) == MAIKO_OK;
}

void performer_remove_somebody(struct performer *performer)
{
    struct troupe *troupe = performer->troupe;
    char name[12];
    uint32_t count = atomic_load(&troupe->performer_count);
    uint32_t i;

    snprintf(name, sizeof name, "a%u", (unsigned)random_below(&performer->random, TROUPE_NAMES));
    for (i = 1; i < count && i < TROUPE_ACTORS; i++) {
        if (atomic_load(&troupe->performers[i].is_cast) && strcmp(troupe->performers[i].name, name) == 0)
            __atomic_store_n(&troupe->performers[i].is_stable, false, __ATOMIC_RELAXED);
    }
    (void)maiko_supervisor_remove(troupe->sup, name);
}

static void unsettle(struct performer *performer)
{
    __atomic_store_n(&performer->is_stable, false, __ATOMIC_RELAXED);
}

static void change_subscription(struct performer *performer, maiko_context *ctx)
{
    maiko_subscription subscription = {.pattern = NULL};

    unsettle(performer);
    choose_subscription(performer, &subscription);
    if (performer_chance(performer, 50)) {
        performer->subscribed_at = atomic_load(&performer->troupe->told_count);
        subscription.notify = performer_chance(performer, 50);
        if (maiko_subscribe(ctx, &subscription) == MAIKO_OK)
            performer->armings += subscription.notify;
    } else {
        (void)maiko_unsubscribe(ctx, subscription.pattern);
    }
}

static void be_held(struct performer *performer, maiko_context *ctx)
{
    struct troupe *troupe = performer->troupe;
    uint32_t at = troupe->hold_count;

    if (at == TROUPE_HOLDS || maiko_hold_new(ctx, &troupe->holds[at]) != MAIKO_OK)
        return;
    troupe->held[at] = performer;
    troupe->hold_count++;
    performer->holds++;
}

bool troupe_let_go(struct troupe *troupe)
{
    struct performer *outside = &troupe->performers[0];
    uint32_t at;

    if (troupe->hold_count == 0)
        return false;
    at = (uint32_t)random_below(&outside->random, troupe->hold_count--);
    troupe->held[at]->holds--;
    maiko_hold_release(troupe->holds[at]);
    troupe->holds[at] = troupe->holds[troupe->hold_count];
    troupe->held[at] = troupe->held[troupe->hold_count];
    return true;
}

static void act_up(struct performer *performer, maiko_context *ctx)
{
    const struct plot *plot = &performer->troupe->plot;

    if (plot->has_holds && performer_chance(performer, 6))
        be_held(performer, ctx);

    if (plot->has_changes && performer_chance(performer, 10))
        change_subscription(performer, ctx);
    if (plot->has_arrivals && performer_chance(performer, 2))
        performer_arrive(performer);
    if (plot->has_arrivals && performer_chance(performer, 2))
        performer_remove_somebody(performer);
    if (plot->has_arrivals && performer_chance(performer, 1)) {
        unsettle(performer);
        (void)maiko_stop(ctx);
    }
    if (plot->has_streams && performer_chance(performer, 6)) {
        performer->finishes++;
        (void)maiko_finish(ctx);
        unsettle(performer); /* without subscriptions it stops */
    }
}

/* --- hooks --- */

void performer_check_kept(struct performer *performer, uint32_t slot)
{
    const maiko_envelope *kept = performer->kept[slot];
    const struct told *told;

    if (kept == NULL)
        return;
    told = &performer->troupe->told[performer->kept_number[slot]];
    if (((const block_note *)kept->payload)->check != check_of(performer->kept_number[slot]) ||
        strcmp(maiko_envelope_topic(kept), troupe_stages[told->topic].topic) != 0 ||
        strcmp(maiko_envelope_sender(kept), performer->troupe->performers[told->sender].name) != 0)
        troupe_fail(performer->troupe, "a kept envelope of event %u changed", performer->kept_number[slot]);
    performer->kept[slot] = maiko_envelope_unref(performer->kept[slot]);
}

static void keep(struct performer *performer, const maiko_envelope *envelope, uint32_t number)
{
    uint32_t slot = (uint32_t)random_below(&performer->random, TROUPE_KEPT);

    performer_check_kept(performer, slot);
    if (maiko_envelope_keep(envelope, &performer->kept[slot]) != MAIKO_OK)
        performer->kept[slot] = NULL;
    performer->kept_number[slot] = number;
}

/* Of one sender it never goes back, whatever the clock does. */
static void check_time(struct performer *performer, const maiko_envelope *envelope, const struct told *told)
{
    uint64_t *last = &performer->time[troupe_stages[told->topic].is_control][told->sender];
    uint64_t now = maiko_envelope_time(envelope);

    if (performer->troupe->plot.is_threaded || troupe_stages[told->topic].is_sticky)
        return;
    if (now < *last)
        troupe_fail(performer->troupe, "%s got an event of %s that is older than the one before", performer->name,
                    performer->troupe->performers[told->sender].name);
    *last = now;
}

/* Is anything delivered already that this event came before? */
static void check_order(struct performer *performer, const struct told *told, uint32_t number)
{
    bool is_control = troupe_stages[told->topic].is_control;
    uint32_t limit = performer->seen[0][told->sender];
    uint32_t i;

    if (troupe_stages[told->topic].is_sticky && number < performer->subscribed_at)
        return; /* what it subscribed to later brings values that are as old as they like */
    if (is_control && performer->seen[1][told->sender] > limit)
        limit = performer->seen[1][told->sender];
    if (told->serial <= limit)
        troupe_fail(performer->troupe, "%s got event %u (number %u of %s) although what came after it was there before",
                    performer->name, number, told->serial, performer->troupe->performers[told->sender].name);
    for (i = 0; i < TROUPE_ACTORS; i++) {
        uint32_t *seen = &performer->seen[is_control][i];

        *seen = told->known[i] > *seen ? told->known[i] : *seen;
        performer->known[i] = told->known[i] > performer->known[i] ? told->known[i] : performer->known[i];
    }
}

static void write_receipt(struct performer *performer, const maiko_envelope *envelope, uint32_t number)
{
    if (performer->receipt_count == performer->receipt_size) {
        performer->receipt_size = performer->receipt_size == 0 ? 16 : 2 * performer->receipt_size;
        performer->receipts = realloc(performer->receipts, performer->receipt_size * sizeof *performer->receipts);
    }
    performer->receipts[performer->receipt_count++] = (struct receipt){.number = number,
                                                                       .id = maiko_envelope_id(envelope),
                                                                       .parent = maiko_envelope_parent(envelope),
                                                                       .correlation = maiko_envelope_correlation(envelope)};
}

static void check_event(struct performer *performer, const maiko_envelope *envelope, uint32_t number)
{
    struct troupe *troupe = performer->troupe;
    const struct told *told = &troupe->told[number];

    if (strcmp(maiko_envelope_topic(envelope), troupe_stages[told->topic].topic) != 0 ||
        envelope->type != troupe_stages[told->topic].type)
        troupe_fail(troupe, "event %u came on another topic", number);
    if (strcmp(maiko_envelope_sender(envelope), troupe->performers[told->sender].name) != 0)
        troupe_fail(troupe, "event %u of %s came as sent by %s", number, troupe->performers[told->sender].name,
                    maiko_envelope_sender(envelope));
    if (told->sender == performer->index && !performer->receives_own)
        troupe_fail(troupe, "%s got its own event %u", performer->name, number);
    if (performer->holds > 0)
        troupe_fail(troupe, "%s handles event %u although something outside holds it", performer->name, number);
    if (performer->started == 0 || performer->stops > 0)
        troupe_fail(troupe, "%s handles event %u while it is not running", performer->name, number);
}

static maiko_status hear_that_it_is_armed(struct performer *performer)
{
    if (performer->armings-- == 0)
        troupe_fail(performer->troupe, "%s hears of a subscription that it did not ask about", performer->name);
    return MAIKO_OK;
}

static maiko_status play(void *self, maiko_context *ctx, const maiko_envelope *envelope)
{
    struct performer *performer = self;
    const block_note *note = envelope->payload;
    uint32_t number = note->number;
    bool is_again = performer->retrying == number + 1;

    if (maiko_event_as(envelope, maiko_armed) != NULL)
        return hear_that_it_is_armed(performer);
    if (note->check != check_of(number) || number >= performer->troupe->plot.events) {
        troupe_fail(performer->troupe, "%s got an event that nobody sent", performer->name);
        return MAIKO_OK;
    }
    if (performer->retrying != 0 && !is_again)
        troupe_fail(performer->troupe, "%s got event %u before event %u again", performer->name, number, performer->retrying - 1);
    performer->retrying = 0;
    if (!is_again) {
        performer->retries = 0;
        check_event(performer, envelope, number);
        check_time(performer, envelope, &performer->troupe->told[number]);
        check_order(performer, &performer->troupe->told[number], number);
        write_receipt(performer, envelope, number);
    }
    performer->handling = number + 1;
    if (note->ttl > 0)
        performer_say_some(performer, ctx, envelope, note->ttl - 1);
    act_up(performer, ctx);
    performer->handling = 0;
    if (performer_chance(performer, 5))
        keep(performer, envelope, number);
    if (performer->troupe->plot.has_errors && performer_chance(performer, 4)) {
        performer->retrying = number + 1;
        return maiko_error(ctx, MAIKO_EACTOR, "event %u was too much", number);
    }
    return MAIKO_OK;
}

static maiko_error_action recover(void *self, maiko_context *ctx, maiko_status error)
{
    struct performer *performer = self;
    size_t choice = random_below(&performer->random, 100);

    (void)ctx;
    if (error != MAIKO_EACTOR)
        troupe_fail(performer->troupe, "another error arrived than was returned");
    if (choice < 45 && performer->retrying != 0) {
        if (++performer->retries > 2)
            unsettle(performer); /* the limit is used up */
        return maiko_error_retry(random_below(&performer->random, 3) * MAIKO_MS(1), 2);
    }
    performer->retrying = 0;
    if (choice < 85)
        return maiko_error_ignore();
    unsettle(performer);
    return choice < 96 ? maiko_error_stop_actor() : maiko_error_restart();
}

static maiko_step produce(void *self, maiko_context *ctx)
{
    struct performer *performer = self;

    if (performer->holds > 0)
        troupe_fail(performer->troupe, "%s steps although something outside holds it", performer->name);
    if (performer->steps_left == 0)
        return MAIKO_STEP_NEVER;
    performer->steps_left--;
    performer_say_some(performer, ctx, NULL, 2);
    if (performer->troupe->plot.has_errors && performer_chance(performer, 3))
        return maiko_error(ctx, MAIKO_EACTOR, "a step failed");
    switch (random_below(&performer->random, 4)) {
    case 0:
        return MAIKO_STEP_YIELD;
    case 1:
        return MAIKO_STEP_AWAIT_EVENT;
    case 2:
        return MAIKO_STEP_BACKOFF(MAIKO_MS(random_below(&performer->random, 4)));
    default:
        return MAIKO_STEP_CONTINUE;
    }
}

static maiko_status begin(void *self, maiko_context *ctx)
{
    struct performer *performer = self;

    if (performer->starts++ > 0)
        troupe_fail(performer->troupe, "%s started twice", performer->name);
    if (performer_chance(performer, 30))
        performer_say_some(performer, ctx, NULL, 3);
    if (performer->troupe->plot.has_errors && performer_chance(performer, 3))
        return maiko_error(ctx, MAIKO_EACTOR, "no start today");
    performer->started = 1;
    return MAIKO_OK;
}

static maiko_status finale(void *self, maiko_context *ctx)
{
    struct performer *performer = self;

    if (performer->ends++ > 0)
        troupe_fail(performer->troupe, "%s ended twice", performer->name);
    performer->is_ending = true;
    if (performer_chance(performer, 50))
        performer_say_some(performer, ctx, NULL, 2);
    performer->is_ending = false;
    return MAIKO_OK;
}

static maiko_status bow(void *self, maiko_context *ctx)
{
    struct performer *performer = self;

    performer->is_stopping = true;
    if (performer->started == 0 || performer->stops++ > 0)
        troupe_fail(performer->troupe, "%s stopped twice, or without having started", performer->name);
    if (performer_chance(performer, 30))
        performer_say_some(performer, ctx, NULL, 1);
    return MAIKO_OK;
}

static const maiko_actor_ops part = {.on_start = begin, .handle = play, .on_error = recover, .on_end = finale, .on_stop = bow};
static const maiko_actor_ops part_with_step = {
    .on_start = begin, .handle = play, .step = produce, .on_error = recover, .on_end = finale, .on_stop = bow};
