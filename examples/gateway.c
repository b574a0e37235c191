/* Gateway: a dedicated actor that waits for a descriptor of its own, here the one end of a pair of sockets, as one of a device or
 * a server would be.  Its hook may wait as long as it likes, because it waits for the stop, too. */
#include <errno.h>
#include <maiko/maiko.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READING_FIELDS(F) F(STRING, text, 128)
MAIKO_EVENT(reading, "reading", READING_FIELDS)

struct gateway {
    int fd;
    char line[128];
    size_t len;
};

/* Cuts what came into lines.  A line that is too long is left out. */
static maiko_status send_lines(struct gateway *gateway, maiko_context *ctx, const char *bytes, size_t count)
{
    maiko_status status = MAIKO_OK;
    size_t i;

    for (i = 0; i < count && status == MAIKO_OK; i++) {
        if (bytes[i] != '\n') {
            if (gateway->len < sizeof gateway->line)
                gateway->line[gateway->len++] = bytes[i];
            continue;
        }
        if (gateway->len < sizeof gateway->line) {
            reading event = {.text = ""};

            memcpy(event.text, gateway->line, gateway->len);
            status = maiko_send_event(ctx, reading, &event);
        }
        gateway->len = 0;
    }
    return status;
}

/* One wait per step: between two of them the actor could handle events of its own, such as what is to be written. */
static maiko_step wait_and_read(void *self, maiko_context *ctx)
{
    struct gateway *gateway = self;
    struct pollfd fds[] = {{.fd = gateway->fd, .events = POLLIN}, {.fd = maiko_context_stop_fd(ctx), .events = POLLIN}};
    char bytes[512];
    ssize_t count;

    if (poll(fds, 2, -1) < 0 && errno != EINTR)
        return maiko_error(ctx, MAIKO_ESYSTEM, "poll: %s", strerror(errno));
    if (!maiko_context_is_alive(ctx))
        return MAIKO_STEP_NEVER;
    if (fds[0].revents == 0)
        return MAIKO_STEP_CONTINUE;
    count = read(gateway->fd, bytes, sizeof bytes);
    if (count < 0 && errno != EINTR)
        return maiko_error(ctx, MAIKO_ESYSTEM, "read: %s", strerror(errno));
    if (count == 0) /* the other side is gone: whoever hears only us ends, too */
        return maiko_finish(ctx) == MAIKO_OK ? MAIKO_STEP_NEVER : maiko_error(ctx, MAIKO_EACTOR, "cannot finish");
    if (count > 0 && send_lines(gateway, ctx, bytes, (size_t)count) != MAIKO_OK)
        return maiko_error(ctx, MAIKO_EACTOR, "%s", maiko_context_error_text(ctx));
    return MAIKO_STEP_CONTINUE;
}

static maiko_status hang_up(void *self, maiko_context *ctx)
{
    struct gateway *gateway = self;

    (void)ctx;
    close(gateway->fd);
    printf("gateway: closed\n");
    return MAIKO_OK;
}

static const maiko_actor_ops gateway_ops = {.step = wait_and_read, .on_stop = hang_up};

/* "stop" ends the program while the gateway waits. */
static maiko_status show(void *self, maiko_context *ctx, const reading *event, const maiko_envelope *env)
{
    (void)self;
    (void)env;
    printf("reading: %s\n", event->text);
    return strcmp(event->text, "stop") == 0 ? maiko_stop_runtime(ctx) : MAIKO_OK;
}

static const maiko_handler handlers[] = {MAIKO_ON(reading, show), MAIKO_HANDLERS_END};
static const maiko_actor_ops screen_ops = {.handlers = handlers};

/* gateway [hang-up]: the device says three things, and hangs up then or stays. */
int main(int argc, char **argv)
{
    static const char said[] = "21.5 degrees\n21.7 degrees\n";
    static const char last[] = "stop\n";
    struct gateway gateway = {.fd = -1};
    maiko_supervisor *sup = maiko_supervisor_new(NULL);
    maiko_status status;
    int pair[2];

    (void)argv;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 1;
    gateway.fd = pair[0];
    maiko_supervisor_add(
        sup,
        &(maiko_actor_spec){
            .name = "gateway", .ops = &gateway_ops, .self = &gateway, .publish = MAIKO_TOPICS("reading"), .dedicated = true});
    maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "screen", .ops = &screen_ops, .subscribe = MAIKO_TOPICS("reading")});
    if (write(pair[1], said, strlen(said)) < 0 || (argc == 1 && write(pair[1], last, strlen(last)) < 0))
        return 1;
    if (argc > 1)
        close(pair[1]);
    status = maiko_supervisor_run(sup); /* until all have ended, somebody asks for a stop, or a signal does */
    if (status != MAIKO_OK)
        fprintf(stderr, "%s: %s\n", maiko_strerror(status), maiko_supervisor_error_text(sup));
    return maiko_exit_code(maiko_supervisor_stop(&sup, NULL));
}
