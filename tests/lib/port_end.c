/* Port end, see port_end.h. */
#include "lib/port_end.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "link/zmq_curve.h"

static void on_frame(struct route *route, const unsigned char *bytes, size_t len, void *userdata)
{
    struct port_end *end = userdata;

    end->last = route;
    end->frames++;
    snprintf(end->frame, sizeof(end->frame), "%.*s", (int)len, (const char *)bytes);
}

static void on_up(struct route *route, void *userdata)
{
    ((struct port_end *)userdata)->ups++;
}

static void on_down(struct route *route, enum route_fault fault, void *userdata)
{
    ((struct port_end *)userdata)->downs++;
    ((struct port_end *)userdata)->fault = fault;
}

static void on_forgotten(struct route *route, void *userdata)
{
    ((struct port_end *)userdata)->forgotten++;
}

static bool on_admit(const char *key, const char *address, void *userdata)
{
    struct port_end *end = userdata;

    snprintf(end->admitted_key, sizeof(end->admitted_key), "%s", key);
    return end->admits;
}

static bool on_may_listen(const char *key, const char *prefix, size_t len, void *userdata)
{
    struct port_end *end = userdata;

    return len >= strlen(end->allowed_prefix) && memcmp(prefix, end->allowed_prefix, strlen(end->allowed_prefix)) == 0;
}

static void on_listening(const char *prefix, size_t len, bool is_on, void *userdata)
{
    struct port_end *end = userdata;

    end->listening += is_on ? 1 : (unsigned)-1;
}

static void on_warning(const char *text, void *userdata)
{
    struct port_end *end = userdata;

    end->warnings++;
    snprintf(end->warning, sizeof(end->warning), "%s", text);
}

static void on_starved(const char *text, void *userdata)
{
    struct port_end *end = userdata;

    end->starved += text != NULL;
    end->is_starved = text != NULL;
}

char port_end_reason[512];
static struct text error;

struct text *port_end_error(void)
{
    text_init_buffer(&error, port_end_reason, sizeof(port_end_reason));
    return &error;
}

struct port_keys port_keys_make(void)
{
    struct port_keys keys;

    CU_ASSERT_EQUAL_FATAL(curve_generate(keys.public_key, keys.secret_key), MAIKO_OK);
    return keys;
}

maiko_status port_end_try_open(struct port_end *end, const struct port_keys *keys)
{
    return port_end_try_open_on(end, heap_default(), keys);
}

maiko_status port_end_try_open_on(struct port_end *end, struct heap *heap, const struct port_keys *keys)
{
    struct zmq_port_config config = {.heap = heap,
                                     .hooks = {on_frame, on_up, on_down, on_forgotten, on_admit, on_may_listen, on_listening,
                                               .warn = on_warning, .starved = on_starved, .userdata = end}};

    memset(end, 0, sizeof(*end));
    end->admits = true;
    if (keys != NULL) {
        memcpy(config.public_key, keys->public_key, KEY_TEXT_SIZE);
        memcpy(config.secret_key, keys->secret_key, KEY_TEXT_SIZE);
    }
    return zmq_port_open(&config, &end->port, port_end_error());
}

static void on_share(int fd, void *userdata)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, .data.fd = fd};
    struct port_end *end = userdata;

    if (end->shared < sizeof(end->shared_fd) / sizeof(end->shared_fd[0]) &&
        epoll_ctl(end->guest_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        end->shared_fd[end->shared++] = fd;
}

static void on_unshare(int fd, void *userdata)
{
    (void)epoll_ctl(((struct port_end *)userdata)->guest_fd, EPOLL_CTL_DEL, fd, NULL);
}

void port_end_open_with_guest(struct port_end *end)
{
    struct zmq_port_config config = {.heap = heap_default(),
                                     .hooks = {.frame = on_frame,
                                               .up = on_up,
                                               .down = on_down,
                                               .forgotten = on_forgotten,
                                               .admit = on_admit,
                                               .share = on_share,
                                               .unshare = on_unshare,
                                               .userdata = end}};

    memset(end, 0, sizeof(*end));
    end->admits = true;
    end->guest_fd = epoll_create1(EPOLL_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(zmq_port_open(&config, &end->port, port_end_error()), MAIKO_OK);
}

void port_end_open(struct port_end *end, const struct port_keys *keys)
{
    CU_ASSERT_EQUAL_FATAL(port_end_try_open(end, keys), MAIKO_OK);
}

void port_end_close(struct port_end *end)
{
    end->port = zmq_port_close(end->port, 0);
    if (end->guest_fd > 0)
        close(end->guest_fd);
}

bool port_end_turn(struct port_end *a, struct port_end *b)
{
    struct clock clock;

    clock_init(&clock);
    zmq_port_run(a->port, clock_mono_ns(&clock) + MAIKO_MS(1));
    if (b != NULL)
        zmq_port_run(b->port, clock_mono_ns(&clock) + MAIKO_MS(1));
    return true;
}

const char *port_end_bind(struct port_end *end, enum port_door door, const char *endpoint)
{
    static char bound[PORT_ENDPOINT_MAX];

    CU_ASSERT_EQUAL_FATAL(zmq_port_bind(end->port, door, endpoint, bound, port_end_error()), MAIKO_OK);
    return bound;
}

struct route *port_end_connect(struct port_end *end, const char *endpoint, const char *server_key)
{
    struct route *route = NULL;

    CU_ASSERT_EQUAL_FATAL(zmq_port_connect(end->port, endpoint, server_key, &route, port_end_error()), MAIKO_OK);
    return route;
}

maiko_status port_end_send(struct port_end *end, struct route *route, const char *text)
{
    return zmq_port_send(end->port, route, text, strlen(text));
}
