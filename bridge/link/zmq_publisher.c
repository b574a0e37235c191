/* The open door: an XPUB for anybody with a plain SUB socket.  Each subscription is granted by hand, so that a key gets only
 * what it may have; a slow listener loses events and holds nobody. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <zmq.h>

#include "link/zmq_internal.h"
#include <maiko/topic.h>

enum { PUBLISHER_MESSAGES_PER_TURN = 256, PUBLISHER_HIGH_WATER = 1000 /* messages per listener */ };

maiko_status port_publisher_open(struct zmq_port *port, struct text *error)
{
    maiko_status status;

    if (port->publisher != NULL)
        return MAIKO_OK;
    status = port_socket_new(port, ZMQ_XPUB, &port->publisher, error);
    if (status != MAIKO_OK)
        return status;
    port_socket_set_int(port->publisher, ZMQ_XPUB_MANUAL, 1);
    port_socket_set_int(port->publisher, ZMQ_SNDHWM, PUBLISHER_HIGH_WATER);
    status = port_monitor_open(port, port->publisher, &port->publisher_ear.monitor, error);
    if (status == MAIKO_OK)
        return status;
    zmq_close(port->publisher);
    port->publisher = NULL;
    return status;
}

static struct listened *listened_find(const struct zmq_port *port, const void *prefix, size_t len)
{
    struct list *link;

    LIST_FOR_EACH (link, &port->listened) {
        struct listened *listened = CONTAINER_OF(link, struct listened, link);

        if (listened->len == len && memcmp(listened->prefix, prefix, len) == 0)
            return listened;
    }
    return NULL;
}

static struct listened *listened_add(struct zmq_port *port, const void *prefix, size_t len)
{
    struct listened *listened = heap_alloc_zeroed(port->heap, 1, sizeof(*listened) + len);

    if (listened == NULL)
        return NULL;
    listened->len = len;
    memcpy(listened->prefix, prefix, len);
    list_push_back(&port->listened, &listened->link);
    return listened;
}

static void listened_free(struct zmq_port *port, struct listened *listened)
{
    list_remove(&listened->link);
    text_list_clear(&listened->keys, port->heap);
    heap_free(port->heap, listened, sizeof(*listened) + listened->len);
}

static void tell(struct zmq_port *port, const struct listened *listened, bool is_on)
{
    if (port->hooks.listening != NULL)
        port->hooks.listening((const char *)listened->prefix, listened->len, is_on, port->hooks.userdata);
}

static bool remember(struct zmq_port *port, struct listened *listened, const char *key)
{
    return key[0] == '\0' || text_list_has(&listened->keys, key) || text_list_add(&listened->keys, port->heap, key) == MAIKO_OK;
}

/* It gets nothing, and cannot be told. */
static void not_granted(struct zmq_port *port, const char *key, const unsigned char *prefix, size_t len)
{
    port_refuse(port, key, "memory", "no memory for key %s to listen to \"%.*s\"", key[0] == '\0' ? "(none)" : key, (int)len,
                (const char *)prefix);
}

static void subscribe(struct zmq_port *port, zmq_msg_t *message, const unsigned char *prefix, size_t len)
{
    const char *id = zmq_msg_gets(message, "User-Id");
    const char *key = id == NULL ? "" : id;
    struct listened *listened = listened_find(port, prefix, len);

    if (listened == NULL)
        listened = listened_add(port, prefix, len);
    if (listened == NULL) {
        not_granted(port, key, prefix, len);
        return;
    }
    listened->count++;
    if (!port->hooks.may_listen(key, (const char *)prefix, len, port->hooks.userdata)) {
        port_refuse(port, key, "denied", "key %s may not listen to \"%.*s\"", key[0] == '\0' ? "(none)" : key, (int)len,
                    (const char *)prefix);
        return;
    }
    if (!remember(port, listened, key) || zmq_setsockopt(port->publisher, ZMQ_SUBSCRIBE, prefix, len) != 0) {
        not_granted(port, key, prefix, len);
    } else if (!listened->is_granted) {
        listened->is_granted = true;
        tell(port, listened, true);
    }
}

static void unsubscribe(struct zmq_port *port, const unsigned char *prefix, size_t len)
{
    struct listened *listened = listened_find(port, prefix, len);

    (void)zmq_setsockopt(port->publisher, ZMQ_UNSUBSCRIBE, prefix, len);
    if (listened == NULL || --listened->count > 0)
        return;
    if (listened->is_granted)
        tell(port, listened, false);
    listened_free(port, listened);
    port->has_full_listener = port->has_full_listener && !list_is_empty(&port->listened);
}

/* ---- rights that end ---- */

static bool review(struct zmq_port *port, const struct listened *listened)
{
    const char *prefix = (const char *)listened->prefix;
    bool is_right = true;
    size_t i;

    for (i = 0; i < listened->keys.count; i++) {
        const char *key = listened->keys.items[i];

        if (port->hooks.may_listen(key, prefix, listened->len, port->hooks.userdata))
            continue;
        is_right = false;
        port_refuse(port, key, "denied", "key %s may not listen to \"%.*s\" any more", key, (int)listened->len, prefix);
    }
    return is_right;
}

void zmq_port_review_listeners(struct zmq_port *port)
{
    bool is_right = true;
    struct list *link;

    LIST_FOR_EACH (link, &port->listened)
        is_right = review(port, CONTAINER_OF(link, struct listened, link)) && is_right;
    if (is_right)
        return;
    port_cut_door(port, PORT_LISTENERS);
    LIST_FOR_EACH (link, &port->listened)
        text_list_clear(&CONTAINER_OF(link, struct listened, link)->keys, port->heap);
}

void port_publisher_read(struct zmq_port *port)
{
    int rounds;

    for (rounds = 0; rounds < PUBLISHER_MESSAGES_PER_TURN; rounds++) {
        const unsigned char *bytes;
        zmq_msg_t message;
        size_t len;

        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, port->publisher, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&message);
            return;
        }
        bytes = zmq_msg_data(&message);
        len = zmq_msg_size(&message);
        if (len >= 1 && len <= MAIKO_TOPIC_MAX + 1 && bytes[0] == 1)
            subscribe(port, &message, bytes + 1, len - 1);
        else if (len >= 1 && bytes[0] == 0)
            unsubscribe(port, bytes + 1, len - 1);
        zmq_msg_close(&message);
    }
}

bool zmq_port_is_listened_to(const struct zmq_port *port)
{
    return !list_is_empty(&port->listened);
}

bool zmq_port_has_listener(const struct zmq_port *port, const char *topic)
{
    size_t len = strlen(topic);
    struct list *link;

    LIST_FOR_EACH (link, &port->listened) {
        const struct listened *listened = CONTAINER_OF(link, struct listened, link);

        if (listened->is_granted && listened->len <= len && memcmp(listened->prefix, topic, listened->len) == 0)
            return true;
    }
    return false;
}

/* ---- publishing ----
 *
 * XPUB drops without a word.  So it is asked first not to drop, which fails when a listener is full, and then to send to those
 * that are not: the loss is known, and nobody waits.  Only the first of a row is: from then on libzmq leaves that listener out of
 * its matching until half of what waits has left (dist_t::write(), match()), and we cannot ask which are left out.  But who has
 * the memory of an event shows whether anybody got it: when nobody did, zmq_msg_send() gives it back itself.  Where a topic has
 * one listener, every loss is known by that. */

/* An event's bytes, which libzmq's and the port's thread have. */
struct publication {
    _Atomic unsigned owners;
    _Atomic bool is_returned;
    pthread_t returned_by;
    size_t len;
    unsigned char bytes[];
};

static void let_go(struct publication *publication)
{
    if (atomic_fetch_sub(&publication->owners, 1) == 1)
        heap_free(heap_default(), publication, sizeof(*publication) + publication->len);
}

/* Called by libzmq, on any thread. */
static void give_back(void *bytes, void *userdata)
{
    struct publication *publication = userdata;

    (void)atomic_load(&publication->owners); /* libzmq's own ways between its threads are not seen by all who look for races */
    publication->returned_by = pthread_self();
    atomic_store(&publication->is_returned, true);
    let_go(publication);
}

static bool send_topic(void *socket, const char *topic)
{
    return zmq_send(socket, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0;
}

static bool send_both(void *socket, const char *topic, const void *bytes, size_t len)
{
    zmq_msg_t message;
    bool is_sent;
    int reason;

    if (!port_message_of(&message, bytes, len)) {
        errno = ENOMEM;
        return false;
    }
    is_sent = send_topic(socket, topic) && zmq_msg_send(&message, socket, ZMQ_DONTWAIT) >= 0;
    reason = errno;
    if (!is_sent)
        zmq_msg_close(&message);
    errno = reason;
    return is_sent;
}

/* Of a heap that is there as long as libzmq is.  NULL: no memory. */
static struct publication *publication_new(const void *bytes, size_t len, zmq_msg_t *message)
{
    struct publication *publication = heap_alloc(heap_default(), sizeof(*publication) + len);

    if (publication == NULL)
        return NULL;
    publication->len = len;
    atomic_init(&publication->is_returned, false);
    if (len > 0)
        memcpy(publication->bytes, bytes, len);
    atomic_store(&publication->owners, 2);
    if (zmq_msg_init_data(message, publication->bytes, len, give_back, publication) == 0)
        return publication;
    heap_free(heap_default(), publication, sizeof(*publication) + len);
    return NULL;
}

static bool was_returned_here(struct publication *publication)
{
    return atomic_load(&publication->is_returned) && pthread_equal(publication->returned_by, pthread_self());
}

/* Without waiting; *ret_is_heard: somebody gets it. */
static bool send_watched(void *socket, const char *topic, const void *bytes, size_t len, bool *ret_is_heard)
{
    zmq_msg_t message;
    struct publication *publication = publication_new(bytes, len, &message);
    bool is_sent;

    if (publication == NULL) {
        errno = ENOMEM;
        return false;
    }
    is_sent = send_topic(socket, topic) && zmq_msg_send(&message, socket, ZMQ_DONTWAIT) >= 0;
    *ret_is_heard = is_sent && !was_returned_here(publication);
    if (!is_sent)
        zmq_msg_close(&message);
    let_go(publication);
    return is_sent;
}

/* Nobody got it.  Has somebody lost it, or is there nobody any more? */
static maiko_status nobody_got(struct zmq_port *port, const char *topic)
{
    port_publisher_read(port);
    return zmq_port_has_listener(port, topic) ? MAIKO_EFULL : MAIKO_OK;
}

/* Somebody was full before, and may be left out since. */
static maiko_status publish_watched(struct zmq_port *port, const char *topic, const void *bytes, size_t len)
{
    bool is_heard = true;

    port_socket_set_int(port->publisher, ZMQ_XPUB_NODROP, 1);
    if (send_watched(port->publisher, topic, bytes, len, &is_heard))
        return is_heard ? MAIKO_OK : nobody_got(port, topic);
    if (zmq_errno() != EAGAIN)
        return MAIKO_ENOMEM;
    port_socket_set_int(port->publisher, ZMQ_XPUB_NODROP, 0);
    return send_both(port->publisher, topic, bytes, len) || zmq_errno() == EAGAIN ? MAIKO_EFULL : MAIKO_ENOMEM;
}

maiko_status zmq_port_publish(struct zmq_port *port, const char *topic, const void *bytes, size_t len)
{
    if (port->publisher == NULL)
        return MAIKO_OK;
    port_touched(port, PORT_PUBLISHER);
    if (port->has_full_listener)
        return publish_watched(port, topic, bytes, len);
    port_socket_set_int(port->publisher, ZMQ_XPUB_NODROP, 1);
    if (send_both(port->publisher, topic, bytes, len))
        return MAIKO_OK;
    if (zmq_errno() != EAGAIN)
        return MAIKO_ENOMEM;
    port->has_full_listener = true;
    return publish_watched(port, topic, bytes, len);
}

void port_publisher_forget(struct zmq_port *port)
{
    while (!list_is_empty(&port->listened))
        listened_free(port, CONTAINER_OF(list_first(&port->listened), struct listened, link));
}
