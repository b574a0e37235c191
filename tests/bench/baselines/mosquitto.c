/* Peer through a broker: mosquitto (MQTT), quality of service 0, without a limit on what waits for a subscriber. */
#include "bench/baselines/broker.h"
#include "bench/lib/subject.h"

#include <mosquitto.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define KEEPALIVE_SECONDS 300

struct line {
    struct mosquitto *client;
    bool connected, subscribed;
    line_take take;
    void *userdata;
    unsigned taken;
};

static const char *const programs[] = {"mosquitto", "/usr/sbin/mosquitto", NULL};

/* As root, mosquitto becomes another user unless it is told not to, and could not make the socket. */
static void configure(FILE *config, const char *directory, const char *socket)
{
    fprintf(config, "%slistener 0 %s\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nlog_type error\n",
            geteuid() == 0 ? "user root\n" : "", socket);
}

static void check(int result)
{
    if (result != MOSQ_ERR_SUCCESS)
        subject_die(mosquitto_strerror(result));
}

static void when_connected(struct mosquitto *client, void *userdata, int result)
{
    check(result);
    ((struct line *)userdata)->connected = true;
}

static void when_subscribed(struct mosquitto *client, void *userdata, int id, int count, const int *granted)
{
    ((struct line *)userdata)->subscribed = true;
}

static void when_message(struct mosquitto *client, void *userdata, const struct mosquitto_message *message)
{
    struct line *line = userdata;

    line->taken++;
    line->take(line->userdata, message->payload, (size_t)message->payloadlen);
}

static void await(struct line *line, short what)
{
    struct pollfd poll_fd = {.fd = mosquitto_socket(line->client), .events = what};

    poll(&poll_fd, 1, -1);
}

static void read_some(struct line *line)
{
    await(line, POLLIN);
    check(mosquitto_loop_read(line->client, 1));
}

static void flush(struct line *line)
{
    while (mosquitto_want_write(line->client)) {
        await(line, POLLOUT);
        check(mosquitto_loop_write(line->client, 1));
    }
}

static struct line *open_line(const char *socket)
{
    struct line *line = calloc(1, sizeof *line);

    if (line == NULL)
        subject_die("no memory");
    mosquitto_lib_init();
    line->client = mosquitto_new(NULL, true, line);
    if (line->client == NULL)
        subject_die("no client");
    mosquitto_connect_callback_set(line->client, when_connected);
    mosquitto_subscribe_callback_set(line->client, when_subscribed);
    mosquitto_message_callback_set(line->client, when_message);
    check(mosquitto_connect(line->client, socket, 0, KEEPALIVE_SECONDS)); /* port 0: a Unix socket */
    flush(line);
    while (!line->connected)
        read_some(line);
    return line;
}

static void subscribe(struct line *line, const char *topic)
{
    check(mosquitto_subscribe(line->client, NULL, topic, 0));
    flush(line);
    while (!line->subscribed)
        read_some(line);
}

static void publish(struct line *line, const char *topic, const void *bytes, size_t len, unsigned receivers)
{
    check(mosquitto_publish(line->client, NULL, topic, (int)len, bytes, 0, false));
    flush(line);
}

/* Asks poll() only when nothing is there. */
static void receive(struct line *line, line_take take, void *userdata)
{
    const unsigned before = line->taken;

    line->take = take;
    line->userdata = userdata;
    check(mosquitto_loop_read(line->client, 1));
    while (line->taken == before)
        read_some(line);
}

static void close_line(struct line *line)
{
    mosquitto_disconnect(line->client);
    mosquitto_destroy(line->client);
    mosquitto_lib_cleanup();
    free(line);
}

int main(int argc, char **argv)
{
    const struct broker mosquitto = {.programs = programs,
                                     .configure = configure,
                                     .option = "-c",
                                     .open = open_line,
                                     .subscribe = subscribe,
                                     .publish = publish,
                                     .flush = flush,
                                     .receive = receive,
                                     .close = close_line};

    return broker_main(&mosquitto, argc, argv);
}
