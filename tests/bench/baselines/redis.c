/* Peer through a broker: redis publish and subscribe, by hiredis, commands sent in batches and each reply checked. */
#include "bench/baselines/broker.h"
#include "bench/lib/subject.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_COMMANDS 64u
#define BATCH_BYTES (256u << 10)

struct line {
    redisContext *context;
    unsigned unanswered, receivers;
    size_t unsent;
};

static const char *const programs[] = {"redis-server", "/usr/bin/redis-server", NULL};

/* No limit on what waits for a subscriber, or redis would disconnect it. */
static void configure(FILE *config, const char *directory, const char *socket)
{
    fprintf(config,
            "port 0\nunixsocket %s\ndir %s\nsave \"\"\nappendonly no\ndaemonize no\n"
            "client-output-buffer-limit pubsub 0 0 0\n",
            socket, directory);
}

static redisReply *next_reply(struct line *line)
{
    void *reply = NULL;

    if (redisGetReply(line->context, &reply) != REDIS_OK)
        subject_die(line->context->errstr);
    if (((redisReply *)reply)->type == REDIS_REPLY_ERROR)
        subject_die(((redisReply *)reply)->str);
    return reply;
}

static struct line *open_line(const char *socket)
{
    struct line *line = calloc(1, sizeof *line);

    if (line == NULL)
        subject_die("no memory");
    line->context = redisConnectUnix(socket);
    if (line->context == NULL || line->context->err != 0)
        subject_die("no connection to redis");
    return line;
}

static void subscribe(struct line *line, const char *topic)
{
    redisAppendCommand(line->context, "SUBSCRIBE %s", topic);
    freeReplyObject(next_reply(line));
}

/* Each reply says how many subscribers were given the event. */
static void flush(struct line *line)
{
    for (; line->unanswered > 0; line->unanswered--) {
        redisReply *reply = next_reply(line);

        if (reply->type != REDIS_REPLY_INTEGER || reply->integer != (long long)line->receivers)
            subject_die("redis knows another number of subscribers");
        freeReplyObject(reply);
    }
    line->unsent = 0;
}

static void publish(struct line *line, const char *topic, const void *bytes, size_t len, unsigned receivers)
{
    const char *words[] = {"PUBLISH", topic, bytes};
    const size_t lens[] = {sizeof "PUBLISH" - 1, strlen(topic), len};

    redisAppendCommandArgv(line->context, 3, words, lens);
    line->receivers = receivers;
    line->unsent += len;
    if (++line->unanswered == BATCH_COMMANDS || line->unsent >= BATCH_BYTES)
        flush(line);
}

/* ["message", topic, payload] */
static void receive(struct line *line, line_take take, void *userdata)
{
    redisReply *reply = next_reply(line);

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || reply->element[2]->type != REDIS_REPLY_STRING)
        subject_die("not a message");
    take(userdata, reply->element[2]->str, reply->element[2]->len);
    freeReplyObject(reply);
}

static void close_line(struct line *line)
{
    redisFree(line->context);
    free(line);
}

int main(int argc, char **argv)
{
    const struct broker redis = {.programs = programs,
                                 .configure = configure,
                                 .open = open_line,
                                 .subscribe = subscribe,
                                 .publish = publish,
                                 .flush = flush,
                                 .receive = receive,
                                 .close = close_line};

    return broker_main(&redis, argc, argv);
}
