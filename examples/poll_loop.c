/* Poll loop: actors inside the program's own event loop, without a thread of the library.  Lines from stdin become events. */
#include <ctype.h>
#include <maiko/maiko.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_FIELDS(F) F(STRING, text, 256)
MAIKO_EVENT(line, "line", LINE_FIELDS)

static maiko_status shout(void *self, maiko_context *ctx, const line *event, const maiko_envelope *env)
{
    (void)self;
    (void)ctx;
    (void)env;
    for (const char *c = event->text; *c != '\0'; c++)
        putchar(toupper((unsigned char)*c));
    putchar('\n');
    return MAIKO_OK;
}

static const maiko_handler handlers[] = {MAIKO_ON(line, shout), MAIKO_HANDLERS_END};
static const maiko_actor_ops shouter = {.handlers = handlers};

/* False at the end of input.  A line that is too long or no UTF-8 is said to be so, not cut. */
static bool read_line(maiko_context *ctx)
{
    char text[1024];
    line event = {.text = ""};
    maiko_status status;

    if (fgets(text, sizeof text, stdin) == NULL)
        return false;
    text[strcspn(text, "\n")] = '\0';
    status = maiko_set(&event.text, text);
    if (status == MAIKO_OK)
        status = maiko_try_send_event(ctx, line, &event);
    if (status != MAIKO_OK)
        printf("refused: %s\n", maiko_strerror(status));
    return true;
}

static maiko_status loop(maiko_supervisor *sup)
{
    struct pollfd fds[] = {{.fd = maiko_supervisor_fd(sup), .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    int64_t handled = 0;

    while (handled >= 0) {
        poll(fds, 2, -1);
        if (fds[1].revents != 0 && !read_line(maiko_supervisor_context(sup)))
            break;
        handled = maiko_supervisor_poll(sup, 100); /* at most so many events, then the loop has its turn */
    }
    return handled < 0 ? (maiko_status)handled : MAIKO_OK;
}

int main(void)
{
    maiko_supervisor *sup = maiko_supervisor_new(&(maiko_config){.mode = MAIKO_POLLED});
    maiko_status status;

    setvbuf(stdin, NULL, _IONBF, 0); /* what poll() does not see must not hide in a buffer */
    maiko_supervisor_add(sup, &(maiko_actor_spec){.name = "shouter", .ops = &shouter, .subscribe = MAIKO_TOPICS("line")});
    status = maiko_supervisor_start(sup);
    if (status == MAIKO_OK)
        status = loop(sup);
    if (status != MAIKO_OK)
        fprintf(stderr, "%s: %s\n", maiko_strerror(status), maiko_supervisor_error_text(sup));
    return maiko_exit_code(maiko_supervisor_stop(&sup, NULL));
}
