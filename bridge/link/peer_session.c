/* Peer, sessions: hello and welcome, refusals, actors. */
#include "link/peer_state.h"

#include <string.h>

#include "space/path.h"

uint64_t peer_uptime(const struct peer *peer, uint64_t now_ns)
{
    uint64_t started_ns = peer->config.identity.started_ns;

    return now_ns > started_ns ? now_ns - started_ns : 0;
}

static void fill_hello(const struct peer *peer, struct frame *frame, uint64_t now_ns)
{
    const struct peer_identity *identity = &peer->config.identity;

    frame->session = peer->session;
    frame->hello = (struct frame_hello){.min = WIRE_VERSION_MIN,
                                        .max = WIRE_VERSION_MAX,
                                        .version = WIRE_VERSION_MAX,
                                        .space = slice_of(peer->space),
                                        .name = slice_of(peer->name),
                                        .host = slice_of(peer->host),
                                        .node = identity->node,
                                        .epoch = identity->epoch,
                                        .uptime_ns = peer_uptime(peer, now_ns),
                                        .clock = identity->clock,
                                        .started_ns = identity->started_ns,
                                        .window_bytes = peer->config.window_bytes,
                                        .window_events = peer->config.window_events,
                                        .pid = identity->pid};
}

/* Above every session there was between the two, whoever began it; 0 is none, and the other side may have said the largest. */
void peer_number_session(struct peer *peer)
{
    peer->session++;
    if (peer->session == 0)
        peer->session = peer->config.session_seed + 1;
}

void peer_send_hello(struct peer *peer, uint64_t now_ns)
{
    struct frame hello = {.kind = FRAME_HELLO};

    fill_hello(peer, &hello, now_ns);
    peer->hello_due = now_ns + peer->config.answer_ns;
    pack_clear(&peer->frame);
    frame_write(&peer->frame, &hello);
    peer_send(peer, now_ns);
}

static void send_welcome(struct peer *peer, uint64_t version, uint64_t now_ns)
{
    struct frame welcome = {.kind = FRAME_WELCOME};

    fill_hello(peer, &welcome, now_ns);
    welcome.hello.version = version;
    pack_clear(&peer->frame);
    frame_write(&peer->frame, &welcome);
    peer_send(peer, now_ns);
}

/* The largest version both speak, 0 when there is none. */
static uint64_t common_version(const struct frame_hello *hello)
{
    uint64_t version = hello->max < WIRE_VERSION_MAX ? hello->max : WIRE_VERSION_MAX;

    return version >= hello->min && version >= WIRE_VERSION_MIN ? version : 0;
}

void peer_introduce_again(struct peer *peer, uint64_t now_ns)
{
    if (peer->role == ROLE_CONNECTING)
        peer_send_hello(peer, now_ns);
    else
        send_welcome(peer, common_version(&peer->remote), now_ns);
}

void peer_write_refusal(struct pack *pack, uint64_t session, const char *reason, const char *text)
{
    struct frame refuse = {.kind = FRAME_REFUSE, .session = session, .reason = slice_of(reason), .text = slice_of(text)};

    frame_write(pack, &refuse);
}

void peer_send_reset(struct peer *peer, uint64_t session, uint64_t now_ns)
{
    struct frame reset = {.kind = FRAME_RESET, .session = session};

    if (now_ns < peer->reset_due)
        return;
    peer->reset_due = now_ns + peer->config.answer_ns;
    pack_clear(&peer->frame);
    frame_write(&peer->frame, &reset);
    peer_send(peer, now_ns);
}

/* Names of nodes go into logs, reports and files. */
static bool is_fit_name(struct slice name)
{
    char text[SPACE_NAME_MAX + 1];

    if (name.len > SPACE_NAME_MAX)
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    return space_name_is_valid(text);
}

/* Why we do not want this node; NULL when we do. */
static const char *objection(const struct peer *peer, const struct frame_hello *hello)
{
    if (!is_fit_name(hello->name))
        return "protocol";
    if (maiko_id_equal(hello->node, peer->config.identity.node))
        return "self";
    if (!slice_is(hello->space, peer->space))
        return "space";
    return NULL;
}

/* Attempts are repeated, and what comes of them is told once: until there was a session, or it is refused for another reason. */
static void tell_refused(struct peer *peer, const struct peer_notice *notice)
{
    if (strcmp(peer->refused_for, notice->reason) == 0)
        return;
    memcpy(peer->refused_for, notice->reason, strlen(notice->reason) + 1); /* words of frames are WIRE_NAME_MAX at most */
    peer_tell(peer, notice);
}

static void be_refused(struct peer *peer, const char *reason, const char *text, bool is_ours, uint64_t now_ns)
{
    static const char *const temporary[] = {"duplicate", "limit", "protocol", "shutdown"};
    size_t i;

    peer->is_refused_for_good = true;
    for (i = 0; i < sizeof(temporary) / sizeof(temporary[0]); i++)
        if (strcmp(reason, temporary[i]) == 0)
            peer->is_refused_for_good = false;
    tell_refused(peer, &(struct peer_notice){.news = PEER_NEWS_REFUSED, .reason = reason, .text = text, .is_ours = is_ours});
    peer_end_session(peer, reason, text, now_ns);
    peer->state = PEER_REFUSED;
}

static void copy_text(struct slice *to, char *buffer, struct slice from)
{
    if (from.len > 0)
        memcpy(buffer, from.data, from.len);
    buffer[from.len] = '\0';
    *to = slice_of(buffer);
}

/* What had failed, or was denied, is asked for anew. */
static void revive(struct patterns *wishes)
{
    size_t i;

    for (i = 0; i < wishes->count; i++)
        wishes->list[i].is_failed = wishes->list[i].is_denied = false;
    patterns_changed(wishes);
}

/* Who is there now?  Another life of the node knows nothing of what was between us. */
static void meet(struct peer *peer, const struct frame_hello *hello)
{
    bool is_same_life =
        maiko_id_equal(peer->remote.node, hello->node) && peer->remote.epoch == hello->epoch && peer->remote.name.len > 0;

    peer->remote = *hello;
    peer->met_ns = peer->last_now;
    copy_text(&peer->remote.name, peer->remote_name, hello->name);
    copy_text(&peer->remote.host, peer->remote_host, hello->host);
    peer->remote.space = slice_of(peer->space);
    peer->inflow.remote = hello->node;
    if (is_same_life)
        return;
    if (peer->inflow.stream != 0)
        peer->has_lost_stream = true;
    inflow_restart(&peer->inflow, 0, 0);
    stream_restart(&peer->stream, 0);
    patterns_clear(&peer->interest);
    revive(&peer->wishes);
    peer->ends_queued = 0;
    peer->is_barred = false;
    peer->barred = 0;
}

static void begin_session(struct peer *peer, uint64_t now_ns)
{
    peer->state = PEER_UP;
    peer->has_left = false;
    peer->counters.sessions++;
    peer->last_heard = now_ns;
    peer->hello_due = 0;
    peer->replay_due = 0;
    peer->interest_number = 0;
    peer_drop_asking(peer);
    peer->doubted_ns = 0;
    peer->replayed_ns = peer->readied_ns = 0;
    peer->ready_number = 0;
    peer->is_silent = peer->is_stalled = false;
    peer->is_told_behind = false;
    peer->refused_for[0] = '\0';
    inflow_begin_session(&peer->inflow);
    pack_clear(&peer->natives);
    peer->native_count = 0;
    peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_UP});
    peer_send_actors(peer, now_ns);
    peer_send_subscribe(peer, now_ns);
}

static void refuse(struct peer *peer, const struct frame *frame, const char *reason, uint64_t now_ns)
{
    char buffer[WIRE_TEXT_MAX + 1];
    struct text text;

    text_init_buffer(&text, buffer, sizeof(buffer));
    if (strcmp(reason, "version") == 0)
        text_append_format(&text, "versions %d to %d here, %llu to %llu there", WIRE_VERSION_MIN, WIRE_VERSION_MAX,
                           (unsigned long long)frame->hello.min, (unsigned long long)frame->hello.max);
    else if (strcmp(reason, "protocol") == 0)
        text_append(&text, "no name for a node");
    else if (strcmp(reason, "space") == 0)
        text_append_format(&text, "space %s here", peer->space);
    pack_clear(&peer->frame);
    peer_write_refusal(&peer->frame, frame->session, reason, buffer);
    peer_send(peer, now_ns);
    tell_refused(peer, &(struct peer_notice){.news = PEER_NEWS_REFUSED, .reason = reason, .text = buffer, .is_ours = true});
}

/* Is it older than the session we have?  A later life of the node begins to count anew. */
static bool is_stale(const struct peer *peer, const struct frame *frame)
{
    return peer->role == ROLE_ACCEPTING && maiko_id_equal(frame->hello.node, peer->remote.node) &&
           frame->hello.epoch == peer->remote.epoch && frame->session < peer->last_session;
}

/* Is it a session that has ended here already?  It is not begun twice. */
static bool is_over(const struct peer *peer, const struct frame *frame)
{
    return peer->state != PEER_UP && frame->session == peer->last_session &&
           maiko_id_equal(frame->hello.node, peer->remote.node) && frame->hello.epoch == peer->remote.epoch;
}

void peer_on_hello(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    const char *reason = objection(peer, &frame->hello);
    uint64_t version = common_version(&frame->hello);

    if (reason == NULL && version == 0)
        reason = "version";
    if (reason != NULL) {
        refuse(peer, frame, reason, now_ns);
        return;
    }
    if (is_stale(peer, frame)) {
        peer->counters.stale++;
        return;
    }
    if (peer->state == PEER_UP && peer->role == ROLE_ACCEPTING && frame->session == peer->session &&
        maiko_id_equal(frame->hello.node, peer->remote.node)) {
        peer->last_heard = now_ns;
        peer_hear_again(peer, &frame->hello, now_ns);
        send_welcome(peer, version, now_ns); /* the first one may be lost */
        return;
    }
    if (is_over(peer, frame)) {
        peer_send_reset(peer, frame->session, now_ns);
        return;
    }
    if (peer->state == PEER_UP) {
        /* The connection this hello came over is in use from now on: it is not closed with the session. */
        stream_disconnect(&peer->stream, now_ns);
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_DOWN, .reason = "replaced"});
    }
    peer->role = ROLE_ACCEPTING;
    peer->session = peer->last_session = frame->session;
    meet(peer, &frame->hello);
    peer->state = PEER_UP; /* before the answer: without memory for it the session ends */
    peer->has_left = false;
    send_welcome(peer, version, now_ns);
    if (peer->state == PEER_UP)
        begin_session(peer, now_ns);
}

void peer_on_welcome(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    const char *reason = objection(peer, &frame->hello);

    if (frame->hello.version < WIRE_VERSION_MIN || frame->hello.version > WIRE_VERSION_MAX)
        reason = "version";
    if (reason != NULL) {
        be_refused(peer, reason, "from its welcome", true, now_ns);
        return;
    }
    meet(peer, &frame->hello);
    begin_session(peer, now_ns);
}

void peer_on_refuse(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_NAME_MAX + 1];
    char text[WIRE_NAME_MAX + 1];
    struct slice slice;

    copy_text(&slice, reason, frame->reason);
    copy_text(&slice, text, frame->text);
    be_refused(peer, reason, text, false, now_ns);
}

void peer_on_reset(struct peer *peer, uint64_t now_ns)
{
    if (peer->role != ROLE_CONNECTING)
        return; /* only the connecting side can begin */
    if (peer->state == PEER_UP) {
        stream_disconnect(&peer->stream, now_ns);
        peer_tell(peer, &(struct peer_notice){.news = PEER_NEWS_DOWN, .reason = "reset"});
    }
    peer->state = PEER_GREETING;
    peer->subscribe_due = peer->ack_due = 0;
    peer->interest_number = 0;
    peer_drop_asking(peer);
    peer->ready_number = 0;
    peer->inflow.is_ready = false;
    peer_number_session(peer);
    peer->last_heard = now_ns;
    peer_send_hello(peer, now_ns);
}

/* ---- The end ---- */

void peer_keep_nothing(struct peer *peer)
{
    stream_restart(&peer->stream, exporter_next_stream(peer->config.exporter));
    stream_give_up(&peer->stream);
    patterns_clear(&peer->interest);
    peer->ends_queued = 0;
}

/* Who stops comes back as another life, which knows nothing of what is kept for this one, see meet(). */
void peer_on_bye(struct peer *peer, const struct frame *frame, uint64_t now_ns)
{
    char reason[WIRE_NAME_MAX + 1];
    struct slice slice;

    copy_text(&slice, reason, frame->reason);
    peer->has_left = slice_is(slice, PEER_BYE_STOP);
    peer_end_session(peer, "closed", reason, now_ns);
    if (peer->has_left)
        peer_keep_nothing(peer);
}

/* ---- Actors ---- */

void peer_send_actors(struct peer *peer, uint64_t now_ns)
{
    if (peer->actors.number == 0 || peer->state != PEER_UP)
        return;
    pack_clear(&peer->frame);
    frame_begin_actors(&peer->frame, peer->session, peer->actors.number);
    pack_raw(&peer->frame, peer->actors.pack.data, peer->actors.pack.len);
    peer_send(peer, now_ns);
}

maiko_status peer_announce(struct peer *peer, const struct frame_actor *actors, size_t count, uint64_t now_ns)
{
    maiko_status status;

    if (count > WIRE_ACTORS_MAX)
        return MAIKO_ELIMIT;
    pack_clear(&peer->actors.pack);
    frame_write_actors(&peer->actors.pack, actors, count);
    status = pack_status(&peer->actors.pack);
    if (status != MAIKO_OK) {
        peer->actors.number = 0;
        return status == MAIKO_ETOOLONG ? MAIKO_ELIMIT : status;
    }
    peer->actors.number = ++peer->actors.last_number;
    peer_send_actors(peer, now_ns);
    return MAIKO_OK;
}
