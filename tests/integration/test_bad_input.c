/* Bad input: an error code with its text, nothing leaked, nothing lost that was accepted, the host unharmed. */
#include "lib/failing_allocator.h"
#include "lib/stage.h"
#include "lib/suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char too_long[300]; /* filled with 'x' by its users */

static const char *a_long_name(void)
{
    memset(too_long, 'x', sizeof too_long - 1);
    return too_long;
}

/* --- specs --- */

static void expect_refused(maiko_status expected, const char *word, const maiko_actor_spec *spec)
{
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.mode = MAIKO_POLLED, .no_counters_file = true});
    struct player good = {.wanted = 0};

    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, PLAYER("good", &good)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, spec), expected);
    if (strstr(maiko_supervisor_error_text(sup), word) == NULL)
        SUITE_FAIL("no '%s' in: %s", word, maiko_supervisor_error_text(sup));
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), expected);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), expected);
}

static void a_bad_spec_is_refused_with_its_reason(void)
{
    struct player p = {.wanted = 0};
    maiko_subscription no_policy[] = {{.pattern = "a", .overflow = 99}, {.pattern = NULL}};
    static const maiko_handler no_function[] = {{MAIKO_TYPE(number), NULL}, MAIKO_HANDLERS_END};
    static const maiko_actor_ops bad_ops = {.handlers = no_function};

    expect_refused(MAIKO_EINVAL, "ops", &(maiko_actor_spec){.name = "a"});
    expect_refused(MAIKO_EINVAL, "handler", &(maiko_actor_spec){.name = "a", .ops = &bad_ops});
    expect_refused(MAIKO_EEXIST, "good", PLAYER("good", &p));
    expect_refused(MAIKO_ENAME, "''", PLAYER("", &p));
    expect_refused(MAIKO_ENAME, "supervisor", PLAYER("supervisor", &p));
    expect_refused(MAIKO_ENAME, "a/b", PLAYER("a/b", &p));
    expect_refused(MAIKO_ENAME, "a+", PLAYER("a+", &p));
    expect_refused(MAIKO_ENAME, "#", PLAYER("#", &p));
    expect_refused(MAIKO_ENAME, "too long", PLAYER(a_long_name(), &p));
    expect_refused(MAIKO_EUTF8, "actor name", PLAYER("\xff", &p));
    expect_refused(MAIKO_ENAME, "control", PLAYER("a\nforged line", &p));
    expect_refused(MAIKO_ENAME, "control", PLAYER("a\xc2\x9b", &p));
    expect_refused(MAIKO_ETOPIC, "subscription", PLAYER("a", &p, .subscribe = MAIKO_TOPICS("")));
    expect_refused(MAIKO_ETOPIC, "a/#/b", PLAYER("a", &p, .subscribe = MAIKO_TOPICS("good", "a/#/b")));
    expect_refused(MAIKO_ETOPIC, "a+/b", PLAYER("a", &p, .subscribe = MAIKO_TOPICS("a+/b")));
    expect_refused(MAIKO_ETOPIC, "publication", PLAYER("a", &p, .publish = MAIKO_TOPICS("a/b#")));
    expect_refused(MAIKO_EINVAL, "policy", PLAYER("a", &p, .subscriptions = no_policy));
    expect_refused(MAIKO_EINVAL, "dedicated", PLAYER("a", &p, .dedicated = true, .with = "good"));
    expect_refused(MAIKO_EINVAL, "dedicated", PLAYER("a", &p, .dedicated = true, .shard = MAIKO_SHARD(0)));
    expect_refused(MAIKO_EINVAL, "companion", PLAYER("a", &p, .with = "good", .shard = MAIKO_SHARD(1)));
    expect_refused(MAIKO_EINVAL, "capacity", PLAYER("a", &p, .capacity = UINT32_MAX));
    expect_refused(MAIKO_EINVAL, "tick limit", PLAYER("a", &p, .tick_limit = UINT32_MAX));
    expect_refused(MAIKO_EINVAL, "shard 7", PLAYER("a", &p, .shard = MAIKO_SHARD(7)));
    expect_refused(MAIKO_EINVAL, "shard", PLAYER("a", &p, .shard = -1));
    expect_refused(MAIKO_ENOTFOUND, "nobody", PLAYER("a", &p, .with = "nobody"));
}

static void topics_too_long_or_not_utf8_are_refused(void)
{
    struct player p = {.wanted = 0};

    expect_refused(maiko_pattern_check(a_long_name()), "subscription", PLAYER("a", &p, .subscribe = MAIKO_TOPICS(a_long_name())));
    expect_refused(maiko_pattern_check("\xc0\x80"), "subscription", PLAYER("a", &p, .subscribe = MAIKO_TOPICS("\xc0\x80")));
    CU_ASSERT_NOT_EQUAL(maiko_pattern_check(a_long_name()), MAIKO_OK);
    CU_ASSERT_NOT_EQUAL(maiko_pattern_check("\xc0\x80"), MAIKO_OK);
}

/* --- configurations --- */

static void release_nothing(void *ptr, size_t size, void *userdata)
{
    (void)ptr;
    (void)size;
    (void)userdata;
}

static void expect_bad_config(const char *field, const maiko_config *config)
{
    maiko_config own = *config;
    maiko_supervisor *sup;

    own.no_counters_file = true;
    sup = maiko_supervisor_new(&own);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sup);
    CU_ASSERT_EQUAL(maiko_supervisor_start(sup), MAIKO_EINVAL);
    if (strstr(maiko_supervisor_error_text(sup), field) == NULL)
        SUITE_FAIL("no '%s' in: %s", field, maiko_supervisor_error_text(sup));
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), MAIKO_EINVAL);
}

static void a_config_out_of_range_names_field_and_range(void)
{
    const maiko_allocator half = {.allocate = NULL, .release = release_nothing};

    expect_bad_config("config.mode is none", &(maiko_config){.mode = (maiko_mode)9});
    expect_bad_config("config.placement is none", &(maiko_config){.placement = (maiko_placement)9});
    expect_bad_config("config.shards is 1000, at most 64", &(maiko_config){.shards = 1000});
    expect_bad_config("name", &(maiko_config){.name = ""});
    expect_bad_config("config.name is not 1 to 63 bytes of text without '/'", &(maiko_config){.name = "a/b"});
    expect_bad_config("name", &(maiko_config){.name = "\xff"});
    expect_bad_config("name", &(maiko_config){.name = a_long_name()});
    expect_bad_config("name", &(maiko_config){.name = "a\033[2J"});
    expect_bad_config("config.allocator lacks a function", &(maiko_config){.allocator = &half});
    expect_bad_config("config.mailbox_capacity is 4294967295, at most 16777216", &(maiko_config){.mailbox_capacity = UINT32_MAX});
    expect_bad_config("tick_limit", &(maiko_config){.tick_limit = UINT32_MAX});
    expect_bad_config("outbox_limit_bytes", &(maiko_config){.outbox_limit_bytes = UINT64_MAX});
    expect_bad_config("max_payload_bytes", &(maiko_config){.max_payload_bytes = UINT64_MAX});
    expect_bad_config("spin_ns", &(maiko_config){.spin_ns = UINT64_MAX});
}

static void null_is_an_error_everywhere(void)
{
    maiko_supervisor *none = NULL;
    struct stage stage;

    CU_ASSERT_EQUAL(maiko_supervisor_add(NULL, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_remove(NULL, "a"), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_start(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_join(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_run(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_poll(NULL, 0), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_fd(NULL), -1);
    CU_ASSERT_EQUAL(maiko_supervisor_request_stop(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_halt(NULL, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(NULL, NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_supervisor_stop(&none, NULL), MAIKO_EINVAL);
    CU_ASSERT_PTR_NULL(maiko_supervisor_context(NULL));
    CU_ASSERT_EQUAL(maiko_supervisor_actor_count(NULL), 0);
    CU_ASSERT_EQUAL(maiko_send(NULL, number, .value = 1), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_stop(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_finish(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_stop_runtime(NULL), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_subscribe(NULL, NULL), MAIKO_EINVAL);
    CU_ASSERT_STRING_EQUAL(maiko_context_name(NULL), "");
    maiko_stop_report_deinit(NULL);
    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add_table(stage.sup, NULL, 1), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_send_bytes(maiko_supervisor_context(stage.sup), NULL, "", 1), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_send_bytes(maiko_supervisor_context(stage.sup), MAIKO_TYPE(number), NULL, 8), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_EINVAL);
    stage_close(&stage);
}

/* --- sends --- */

#define WORD_FIELDS(F) F(STRING, text, 8)
MAIKO_EVENT(word, "word", WORD_FIELDS)

static void a_bad_send_is_refused_counted_and_remembered(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};
    maiko_context *ctx;
    word unended;

    memset(&unended, 'x', sizeof unended);
    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .subscribe = MAIKO_ALL_TOPICS)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    ctx = maiko_supervisor_context(stage.sup);
    CU_ASSERT_EQUAL(maiko_send_event(ctx, word, &unended), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "", number, .value = 1), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "a/+", number, .value = 1), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "a/#", number, .value = 1), MAIKO_ETOPIC);
    CU_ASSERT_NOT_EQUAL(maiko_send_to(ctx, a_long_name(), number, .value = 1), MAIKO_OK);
    CU_ASSERT_NOT_EQUAL(maiko_send_to(ctx, "\xff", number, .value = 1), MAIKO_OK);
    CU_ASSERT_NOT_EQUAL(maiko_send_to(ctx, "$sys/dead", number, .value = 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_bytes(ctx, MAIKO_TYPE(number), "short", 5), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_context_last_refusal(ctx), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(stage_counted(&stage, "supervisor").refused, 8);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.events, 0);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_step send_badly(struct player *player, maiko_context *ctx)
{
    word unended;
    int i;

    (void)player;
    memset(&unended, 'x', sizeof unended);
    for (i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(maiko_send_event(ctx, word, &unended), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "a/+", word, .text = "b"), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "a\033[2J", word, .text = "b"), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "elsewhere", word, .text = "b"), MAIKO_EUNDECLARED);
    return MAIKO_STEP_NEVER;
}

/* What the sender is told, whatever the log was told before. */
static maiko_status send_what_is_refused(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    word unended;

    (void)envelope;
    memset(&unended, 'x', sizeof unended);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "a/+", word, .text = "b"), MAIKO_ETOPIC);
    CU_ASSERT_STRING_EQUAL(maiko_context_error_text(ctx), "send of 'word' on 'a/+' refused: invalid topic name or pattern");
    if (player->wanted == 0)
        return maiko_send_event(ctx, word, &unended);
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = 1), MAIKO_OK);
    return MAIKO_EACTOR; /* of which that text says nothing */
}

static void expect_text_of_a_failure(int64_t what, maiko_status status, const char *text)
{
    struct player writer = {.handle = send_what_is_refused, .wanted = what};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(stage_add(&stage, "writer", &writer), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_error_text(stage.sup), text);
    CU_ASSERT_EQUAL(stage_stop(&stage), status);
    stage_close(&stage);
}

static void a_sender_is_told_what_was_wrong(void)
{
    maiko_context *ctx;
    struct stage stage;

    expect_text_of_a_failure(0, MAIKO_ETYPE, "actor 'writer': send of 'word' refused: field text: a string without a final NUL");
    expect_text_of_a_failure(1, MAIKO_EACTOR, "actor 'writer': an actor failed");
    stage_open(&stage, NULL);
    ctx = maiko_supervisor_context(stage.sup);
    CU_ASSERT_STRING_EQUAL(maiko_context_error_text(ctx), "");
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "b/#", word, .text = "b"), MAIKO_ETOPIC);
    CU_ASSERT_STRING_EQUAL(maiko_context_error_text(ctx), "send of 'word' on 'b/#' refused: invalid topic name or pattern");
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_error_text(stage.sup), maiko_context_error_text(ctx));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

/* Also to who looks at no status. */
static void the_log_says_once_what_was_wrong_with_a_send(void)
{
    struct player writer = {.step = send_badly};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("writer", &writer, .publish = MAIKO_TOPICS("word"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "send of 'word' by 'writer' refused: field text"), 1);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "send of 'word' on 'a/+' by 'writer' refused: invalid topic name"), 1);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "send of 'word' on 'elsewhere' by 'writer' refused: "), 1);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "refused"), 3);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(stage.sup), "b/#", word, .text = "b"), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(maiko_send_to(maiko_supervisor_context(stage.sup), "b/#", word, .text = "b"), MAIKO_ETOPIC);
    CU_ASSERT_EQUAL(stage_count_logged(&stage, "send of 'word' on 'b/#' by 'supervisor' refused: invalid topic name"), 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static maiko_status send_words(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    word unended;

    (void)envelope;
    if (player->wanted++ > 0)
        return MAIKO_OK;
    memset(&unended, 'x', sizeof unended);
    CU_ASSERT_EQUAL(maiko_send(ctx, word, .text = "ended"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_send_event(ctx, word, &unended), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_send_bytes(ctx, MAIKO_TYPE(word), "short", 5), MAIKO_ETYPE);
    CU_ASSERT_EQUAL(
        maiko_send_options(ctx, &(maiko_send_opts){.struct_size = sizeof(maiko_send_opts), .topic = "words"}, NULL, "", 0),
        MAIKO_ETYPE);
    CU_ASSERT_EQUAL(maiko_send_bytes(ctx, MAIKO_TYPE(word), NULL, sizeof unended), MAIKO_EINVAL);
    CU_ASSERT_EQUAL(maiko_send_to(ctx, "words", word, .text = "ended"), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_context_last_refusal(ctx), MAIKO_EINVAL);
    return MAIKO_OK;
}

static void a_bad_send_of_a_handler_is_refused_and_counted(void)
{
    struct player sender = {.handle = send_words};
    struct player receiver = {.wanted = 0};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("sender", &sender, .subscribe = MAIKO_TOPICS("number"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("receiver", &receiver, .subscribe = MAIKO_TOPICS("word", "words"))),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(receiver.events, 2);
    CU_ASSERT_EQUAL(stage_counted(&stage, "sender").refused, 4);
    CU_ASSERT_EQUAL(stage_counted(&stage, "sender").sent, 2);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

#define LOUD_FIELDS(F) F(INT32, value)
MAIKO_EVENT_WITH(loud, "shared", LOUD_FIELDS, .overflow = MAIKO_FAIL)
MAIKO_EVENT_WITH(quiet, "shared", LOUD_FIELDS, .overflow = MAIKO_DROP_NEWEST)

static maiko_status take_any(void *self, maiko_context *ctx, const void *event, const maiko_envelope *envelope)
{
    (void)self;
    (void)ctx;
    (void)event;
    (void)envelope;
    return MAIKO_OK;
}

/* --- a context whose actor has stopped --- */

static maiko_status stop_at_once(struct player *player, maiko_context *ctx)
{
    (void)player;
    return maiko_stop(ctx);
}

/* Its record waits for the other shard, its counters are gone. */
static maiko_status send_nothing_for_another(struct player *player, maiko_context *ctx)
{
    struct player *other = player->data;

    (void)ctx;
    CU_ASSERT_EQUAL(other->stops, 1);
    CU_ASSERT_EQUAL(maiko_send_bytes(other->ctx, NULL, "", 1), MAIKO_ECLOSED);
    return MAIKO_OK;
}

static void a_send_without_a_type_for_who_has_stopped_is_refused(void)
{
    struct player gone = {.on_start = stop_at_once};
    struct player player = {.on_start = send_nothing_for_another, .data = &gone};
    struct stage stage;

    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .shards = 2});
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("gone", &gone, .shard = 1)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("player", &player, .shard = 1)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.starts, 1);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    stage_close(&stage);
}

static void two_policies_for_one_topic_are_an_error_at_start(void)
{
    static const maiko_handler loud_handlers[] = {{MAIKO_TYPE(loud), take_any}, MAIKO_HANDLERS_END};
    static const maiko_handler quiet_handlers[] = {{MAIKO_TYPE(quiet), take_any}, MAIKO_HANDLERS_END};
    static const maiko_actor_ops loud_ops = {.handlers = loud_handlers};
    static const maiko_actor_ops quiet_ops = {.handlers = quiet_handlers};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, &(maiko_actor_spec){.name = "l", .ops = &loud_ops}), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, &(maiko_actor_spec){.name = "q", .ops = &quiet_ops}), MAIKO_ECONFLICT);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ECONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "'shared'"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ECONFLICT);
    stage_close(&stage);
}

/* Without handlers: by the list of types, here that of an actor that only sends. */
static void declared_types_may_not_contradict_each_other(void)
{
    static const maiko_actor_ops none = {.handlers = NULL};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(
                        stage.sup, &(maiko_actor_spec){.ops = &none, .types = MAIKO_TYPES(MAIKO_TYPE(number), MAIKO_TYPE(loud))}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, &(maiko_actor_spec){.ops = &none, .types = MAIKO_TYPES(MAIKO_TYPE(quiet))}),
                    MAIKO_ECONFLICT);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ECONFLICT);
    CU_ASSERT_PTR_NOT_NULL(strstr(maiko_supervisor_error_text(stage.sup), "types 'loud' and 'quiet'"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ECONFLICT);
    stage_close(&stage);
}

static maiko_status send_quiet(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)envelope;
    player->wanted = maiko_send(ctx, quiet, .value = 1);
    return MAIKO_OK;
}

/* A type that nobody declared is met at its first send: refused, counted, and the reason is in the log. */
static void an_undeclared_type_that_contradicts_is_refused_at_its_first_send(void)
{
    static const maiko_actor_ops none = {.handlers = NULL};
    struct player player = {.handle = send_quiet};
    struct stage stage;

    stage_open(&stage, NULL);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, &(maiko_actor_spec){.ops = &none, .types = MAIKO_TYPES(MAIKO_TYPE(loud))}),
                    MAIKO_OK);
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_EQUAL(player.wanted, MAIKO_ECONFLICT);
    CU_ASSERT_TRUE(stage_logged(&stage, "types 'loud' and 'quiet'"));
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_counted(&stage, "player").refused, 1);
    stage_close(&stage);
}

/* --- the system refuses --- */

static struct rlimit limit_to(int resource, rlim_t most)
{
    struct rlimit before;
    struct rlimit less;

    getrlimit((__rlimit_resource_t)resource, &before);
    less = before;
    less.rlim_cur = most;
    setrlimit((__rlimit_resource_t)resource, &less);
    return before;
}

/* Every number of free descriptors from none to enough. */
static void descriptors_that_run_out_are_an_error(void)
{
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct player player = {.wanted = 0};
    maiko_supervisor *sup = NULL;
    maiko_status status = MAIKO_ESYSTEM;
    int more;

    close(first);
    for (more = 0; status != MAIKO_OK && more < 32; more++) {
        struct rlimit before = limit_to(RLIMIT_NOFILE, (rlim_t)(first + more));

        sup = maiko_supervisor_new(&(maiko_config){.shards = 2, .no_counters_file = true});
        setrlimit(RLIMIT_NOFILE, &before);
        CU_ASSERT_PTR_NOT_NULL_FATAL(sup);
        CU_ASSERT_EQUAL(maiko_supervisor_add(sup, &(maiko_actor_spec){.ops = &player_ops, .self = &player}), MAIKO_OK);
        status = maiko_supervisor_start(sup);
        CU_ASSERT_TRUE(status == MAIKO_OK || strstr(maiko_supervisor_error_text(sup), "descriptor") != NULL);
        CU_ASSERT_TRUE(status == MAIKO_OK || status == MAIKO_ESYSTEM);
        CU_ASSERT_EQUAL(maiko_supervisor_stop(&sup, NULL), status);
    }
    CU_ASSERT_TRUE(more > 1 && more < 32);
}

/* No address space for a thread's stack. */
static void a_thread_that_cannot_be_made_is_an_error_of_start(void)
{
    struct stage stage;
    struct player player = {.wanted = 0};
    struct rlimit before;
    maiko_status status;

    if (suite_slowdown() > 1) {
        suite_skip("sanitizers and valgrind need address space");
        return;
    }
    stage_open(&stage, &(maiko_config){.shards = 32}); /* more than a C library keeps stacks for */
    CU_ASSERT_EQUAL(stage_add(&stage, "player", &player), MAIKO_OK);
    CU_ASSERT_EQUAL(stage_send(&stage, 1), MAIKO_OK);
    before = limit_to(RLIMIT_AS, 1);
    status = maiko_supervisor_start(stage.sup);
    setrlimit(RLIMIT_AS, &before);
    CU_ASSERT_EQUAL(status, MAIKO_ESYSTEM);
    CU_ASSERT_STRING_EQUAL(maiko_supervisor_error_text(stage.sup), "a thread could not be started");
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_ESYSTEM); /* it sticks */
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ESYSTEM);
    CU_ASSERT_EQUAL(stage.report.unfinished, 1);
    CU_ASSERT_EQUAL(player.starts, 0);
    stage_close(&stage);
}

/* --- memory --- */

static maiko_step send_ten(struct player *player, maiko_context *ctx)
{
    if (player->steps > 10) {
        maiko_finish(ctx);
        return MAIKO_STEP_NEVER;
    }
    return maiko_send(ctx, number, .value = player->steps) == MAIKO_OK ? MAIKO_STEP_CONTINUE
                                                                       : maiko_error(ctx, MAIKO_ENOMEM, "refused");
}

static maiko_status pass_on(struct player *player, maiko_context *ctx, const maiko_envelope *envelope)
{
    (void)player;
    return maiko_send_child_to(ctx, envelope, "passed", number, .value = maiko_event_as(envelope, number)->value);
}

/* A pipeline of four, as examples/weather.c: what it returns when it ran to its end. */
static maiko_status run_pipeline(const maiko_config *config, struct player players[4])
{
    maiko_supervisor *sup = maiko_supervisor_new(config);
    maiko_status status;
    int64_t handled;

    if (sup == NULL)
        return MAIKO_ENOMEM;
    (void)maiko_supervisor_add(sup, PLAYER("source", &players[0], .publish = MAIKO_TOPICS("number")));
    (void)maiko_supervisor_add(sup, PLAYER("worker", &players[1], .subscribe = MAIKO_TOPICS("number"),
                                           .publish = MAIKO_TOPICS("passed"), .capacity = 2));
    (void)maiko_supervisor_add(sup, PLAYER("sink", &players[2], .subscribe = MAIKO_TOPICS("passed"), .capacity = 2));
    (void)maiko_supervisor_add(sup, PLAYER("logger", &players[3], .subscribe = MAIKO_TOPICS("#")));
    status = maiko_supervisor_start(sup);
    if (status == MAIKO_OK) {
        handled = maiko_supervisor_poll(sup, 0);
        status = handled < 0 ? (maiko_status)handled : maiko_supervisor_status(sup);
    }
    (void)maiko_supervisor_stop(&sup, NULL);
    return status;
}

static void check_books(const char *path, long nth)
{
    maiko_counters *counters = NULL;
    maiko_counters_balance balance;

    if (access(path, F_OK) != 0) /* failed before there was a file */
        return;
    if (maiko_counters_open(path, &counters) != MAIKO_OK)
        return;
    CU_ASSERT_EQUAL(maiko_counters_check_balance(counters, &balance), MAIKO_OK);
    if (!balance.is_balanced)
        SUITE_FAIL("allocation %ld: books: %s", nth, balance.text);
    maiko_counters_free(counters);
    unlink(path);
}

static void fail_every_allocation(uint32_t shards, bool stay_failed)
{
    struct failing_allocator failing;
    struct scratch scratch;
    char path[600];
    maiko_config config = {.mode = MAIKO_DETERMINISTIC,
                           .shards = shards,
                           .placement = MAIKO_PLACEMENT_SPREAD,
                           .keep_counters = true,
                           .allocator = &failing.allocator};
    long nth;
    bool was_hit = true;

    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    config.counters_path = scratch_file(&scratch, "counters", path, sizeof path);
    for (nth = 0; was_hit; nth++) {
        struct player players[4] = {{.step = send_ten}, {.handle = pass_on}, {.wanted = 0}, {.wanted = 0}};
        maiko_status status;

        failing_allocator_init(&failing);
        if (stay_failed)
            failing_allocator_fail_from(&failing, nth);
        else
            failing_allocator_fail_nth(&failing, nth);
        status = run_pipeline(&config, players);
        was_hit = failing_allocator_has_failed(&failing);
        if (status == MAIKO_OK && (players[2].events != 10 || players[3].events != 20 || players[2].ends != 1))
            SUITE_FAIL("allocation %ld: no error, and a wrong result", nth);
        if (!was_hit)
            CU_ASSERT_EQUAL(status, MAIKO_OK);
        if (!failing_allocator_is_balanced(&failing))
            SUITE_FAIL("allocation %ld: leaks", nth);
        check_books(path, nth);
    }
    CU_ASSERT_TRUE(nth > 30);
    scratch_deinit(&scratch);
}

static void every_allocation_of_a_pipeline_may_fail_once(void)
{
    fail_every_allocation(1, false);
    fail_every_allocation(3, false);
}

static void from_every_allocation_of_a_pipeline_on_all_may_fail(void)
{
    fail_every_allocation(1, true);
    fail_every_allocation(3, true);
}

/* --- a subscription whose place in the routing table needs memory that is not there --- */

struct shortage_scene {
    struct failing_allocator memory;
    struct player source;
    struct player early;
    struct player late;
};

static maiko_step subscribe_then_no_memory(struct player *player, maiko_context *ctx)
{
    struct shortage_scene *scene = player->data;

    if (scene->source.steps < 3)
        return MAIKO_STEP_BACKOFF(MAIKO_MS(1));
    CU_ASSERT_EQUAL(maiko_subscribe(ctx, &(maiko_subscription){.pattern = "number"}), MAIKO_OK);
    failing_allocator_fail_from(&scene->memory, 0);
    return MAIKO_STEP_NEVER;
}

static maiko_step send_through_the_shortage(struct player *player, maiko_context *ctx)
{
    struct shortage_scene *scene = player->data;

    if (player->steps == 10) {
        player->wanted = atomic_load(&scene->memory.failures);
        failing_allocator_fail_nth(&scene->memory, -1);
    }
    CU_ASSERT_EQUAL(maiko_send(ctx, number, .value = player->steps), MAIKO_OK);
    return player->steps < 20 ? MAIKO_STEP_BACKOFF(MAIKO_MS(1)) : MAIKO_STEP_NEVER;
}

static void who_subscribed_in_a_shortage_hears_when_it_is_over(void)
{
    struct shortage_scene scene = {.source = {.step = send_through_the_shortage, .data = &scene},
                                   .late = {.step = subscribe_then_no_memory, .data = &scene}};
    struct stage stage;

    failing_allocator_init(&scene.memory);
    stage_open(&stage, &(maiko_config){.mode = MAIKO_DETERMINISTIC, .allocator = &scene.memory.allocator});
    CU_ASSERT_EQUAL(stage_add(&stage, "early", &scene.early), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("late", &scene.late, .subscribe = MAIKO_TOPICS("other"))), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_add(stage.sup, PLAYER("source", &scene.source)), MAIKO_OK);
    CU_ASSERT_EQUAL(maiko_supervisor_start(stage.sup), MAIKO_OK);
    stage_settle(&stage);
    CU_ASSERT_TRUE(scene.source.wanted > 0);
    CU_ASSERT_EQUAL(scene.early.events, 20);
    CU_ASSERT_TRUE(scene.late.events >= 11);
    CU_ASSERT_EQUAL(stage_stop(&stage), MAIKO_ENOMEM);
    stage_close(&stage);
    CU_ASSERT_TRUE(failing_allocator_is_balanced(&scene.memory));
}

#define BULK_FIELDS(F) F(ARRAY, filler, UINT64, 1024)
MAIKO_EVENT(bulk, "bulk", BULK_FIELDS)

static bool fail_after_the_sends(maiko_config *config, struct failing_allocator *failing, long nth, uint64_t *ret_lost)
{
    static const bulk large = {.filler = {0}};
    struct player player = {.wanted = 0};
    maiko_stop_report report;
    maiko_supervisor *sup;
    bool was_hit;
    int i;

    failing_allocator_init(failing);
    sup = maiko_supervisor_new(config);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sup);
    CU_ASSERT_EQUAL(maiko_supervisor_add(sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number", "bulk"))), MAIKO_OK);
    for (i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(maiko_send(maiko_supervisor_context(sup), number, .value = i), MAIKO_OK);
        CU_ASSERT_EQUAL(maiko_send_event(maiko_supervisor_context(sup), bulk, &large), MAIKO_OK);
    }
    failing_allocator_fail_from(failing, nth);
    (void)maiko_supervisor_halt(sup, &report);
    was_hit = failing_allocator_has_failed(failing);
    CU_ASSERT_TRUE(report.unfinished <= 6);
    *ret_lost = 6 - report.unfinished;
    maiko_stop_report_deinit(&report);
    (void)maiko_supervisor_stop(&sup, NULL);
    return was_hit;
}

/* Nobody runs any more who could wait for memory: what cannot be handed over is lost, counted and freed. */
static void what_waits_outside_at_a_stop_without_memory_is_counted(void)
{
    struct failing_allocator failing;
    struct scratch scratch;
    char path[600];
    maiko_config config = {.mode = MAIKO_DETERMINISTIC, .shards = 1, .keep_counters = true, .allocator = &failing.allocator};
    uint64_t most_lost = 0;
    uint64_t lost;
    bool was_hit = true;
    long nth;

    CU_ASSERT_TRUE_FATAL(scratch_init(&scratch));
    config.counters_path = scratch_file(&scratch, "counters", path, sizeof path);
    for (nth = 0; was_hit; nth++) {
        was_hit = fail_after_the_sends(&config, &failing, nth, &lost);
        most_lost = lost > most_lost ? lost : most_lost;
        if (!failing_allocator_is_balanced(&failing))
            SUITE_FAIL("allocation %ld: leaks", nth);
        check_books(path, nth);
    }
    CU_ASSERT_EQUAL(most_lost, 6);
    CU_ASSERT_EQUAL(lost, 0);
    scratch_deinit(&scratch);
}

static void a_memory_cap_is_an_error_and_not_an_end(void)
{
    maiko_supervisor *sup;
    maiko_status status = MAIKO_ENOMEM;
    uint64_t cap;

    for (cap = 4096; status != MAIKO_OK && cap < (UINT64_C(1) << 30); cap *= 2) {
        struct player player = {.wanted = 0};

        sup = maiko_supervisor_new(&(maiko_config){.mode = MAIKO_POLLED, .no_counters_file = true, .memory_cap_bytes = cap});
        if (sup == NULL)
            continue;
        (void)maiko_supervisor_add(sup, PLAYER("player", &player, .subscribe = MAIKO_TOPICS("number")));
        status = maiko_supervisor_start(sup);
        (void)maiko_send(maiko_supervisor_context(sup), number, .value = 1);
        (void)maiko_supervisor_stop(&sup, NULL);
    }
    CU_ASSERT_EQUAL(status, MAIKO_OK);
}

static const struct test_case cases[] = {
    TEST_CASE(a_bad_spec_is_refused_with_its_reason),
    TEST_CASE(topics_too_long_or_not_utf8_are_refused),
    TEST_CASE(a_config_out_of_range_names_field_and_range),
    TEST_CASE(null_is_an_error_everywhere),
    TEST_CASE(a_bad_send_is_refused_counted_and_remembered),
    TEST_CASE(the_log_says_once_what_was_wrong_with_a_send),
    TEST_CASE(a_sender_is_told_what_was_wrong),
    TEST_CASE(a_bad_send_of_a_handler_is_refused_and_counted),
    TEST_CASE(a_send_without_a_type_for_who_has_stopped_is_refused),
    TEST_CASE(two_policies_for_one_topic_are_an_error_at_start),
    TEST_CASE(declared_types_may_not_contradict_each_other),
    TEST_CASE(an_undeclared_type_that_contradicts_is_refused_at_its_first_send),
    TEST_CASE(descriptors_that_run_out_are_an_error),
    TEST_CASE(a_thread_that_cannot_be_made_is_an_error_of_start),
    TEST_CASE(every_allocation_of_a_pipeline_may_fail_once),
    TEST_CASE(from_every_allocation_of_a_pipeline_on_all_may_fail),
    TEST_CASE(what_waits_outside_at_a_stop_without_memory_is_counted),
    TEST_CASE(who_subscribed_in_a_shortage_hears_when_it_is_over),
    TEST_CASE(a_memory_cap_is_an_error_and_not_an_end),
};
SUITE_MAIN("bad input", cases)
