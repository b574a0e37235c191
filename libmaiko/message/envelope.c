/* Envelopes on the heap and the getters of the public view. */
#include "message/envelope.h"

#include <maiko/topic.h>
#include <string.h>

_Static_assert(sizeof(struct envelope) == 128, "the metadata is two cache lines, the payload starts on the third");
_Static_assert(offsetof(struct envelope, head) == 0, "the public head is the beginning");

/* The block's size is 32 bits, and there are names in it. */
#define PAYLOAD_MAX ((size_t)UINT32_MAX - 4096)

struct envelope_root *envelope_root_new(const maiko_allocator *allocator, size_t cap_bytes)
{
    struct heap heap;
    struct envelope_root *root;

    heap_init(&heap, allocator, cap_bytes);
    root = heap_alloc(&heap, sizeof *root);
    if (root == NULL)
        return NULL;
    heap_init(&root->heap, allocator, cap_bytes);
    heap_use_shelf(&root->heap, &root->shelf);
    root->refs = 1;
    atomic_init(&root->adopted, NULL);
    return root;
}

struct adopted {
    struct adopted *next;
    maiko_schema *schema;
};

/* Release pairs with nothing: the last reference is counted down with acquire and release behind every push. */
maiko_status envelope_root_adopt(struct envelope_root *root, maiko_schema *schema)
{
    struct adopted *adopted = heap_alloc(&root->heap, sizeof *adopted);

    if (adopted == NULL)
        return MAIKO_ENOMEM;
    adopted->schema = schema;
    adopted->next = atomic_load_explicit(&root->adopted, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&root->adopted, &adopted->next, adopted, memory_order_release,
                                                  memory_order_relaxed))
        ;
    return MAIKO_OK;
}

static void free_adopted(struct envelope_root *root)
{
    struct adopted *adopted = atomic_load_explicit(&root->adopted, memory_order_relaxed);

    while (adopted != NULL) {
        struct adopted *next = adopted->next;

        maiko_schema_free(adopted->schema);
        heap_free(&root->heap, adopted, sizeof *adopted);
        adopted = next;
    }
}

void envelope_root_unref(struct envelope_root *root)
{
    struct heap heap;

    if (root == NULL || __atomic_sub_fetch(&root->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    free_adopted(root);
    heap_clear_shelf(&root->heap);
    heap_init(&heap, &root->heap.allocator, 0);
    heap_free(&heap, root, sizeof *root);
}

/* The block: envelope, payload or the owner of a foreign one, sender, topic with its name, sender name.  The middle ones aligned
 * to 8. */
static size_t names_offset(size_t payload_len)
{
    return (sizeof(struct envelope) + payload_len + 7) & ~(size_t)7;
}

static void copy_names(struct envelope *envelope, const struct topic *topic, const struct sender *sender, size_t sender_len)
{
    size_t len = envelope->is_foreign ? sizeof(struct envelope_foreign) : envelope->head.payload_len;
    struct sender *own_sender = (struct sender *)(void *)((char *)envelope + names_offset(len));
    struct topic *own_topic = (struct topic *)(void *)(own_sender + 1);
    char *own_name = own_topic->name + topic->len + 1;

    memset(own_topic, 0, sizeof *own_topic);
    own_topic->id = topic->id;
    own_topic->len = topic->len;
    own_topic->is_system = topic->is_system;
    memcpy(own_topic->name, topic->name, (size_t)topic->len + 1);
    memcpy(own_name, sender->name, sender_len + 1);
    own_sender->name = own_name;
    own_sender->id = sender->id;
    envelope->topic = own_topic;
    envelope->sender = own_sender;
}

static struct envelope_foreign *foreign_of(struct envelope *envelope)
{
    return (struct envelope_foreign *)(void *)(envelope + 1);
}

/* An envelope whose block has room for names of these lengths; they are not there yet. */
static struct envelope *new_block(struct envelope_root *root, const maiko_event_type *type, size_t payload_len, size_t topic_len,
                                  size_t sender_len)
{
    size_t size;
    struct envelope *envelope;

    if (payload_len > PAYLOAD_MAX)
        return NULL;
    size = names_offset(payload_len) + sizeof(struct sender) + sizeof(struct topic) + topic_len + 1 + sender_len + 1;
    envelope = heap_alloc(&root->heap, size);
    if (envelope == NULL)
        return NULL;
    memset(envelope, 0, sizeof *envelope);
    envelope->head.type = type;
    envelope->head.payload = envelope_payload(envelope);
    envelope->head.payload_len = payload_len;
    envelope->refs = 1;
    envelope->home = HOME_HEAP;
    envelope->home_size = (uint32_t)size;
    envelope->root = root;
    __atomic_fetch_add(&root->refs, 1, __ATOMIC_RELAXED);
    return envelope;
}

struct envelope *envelope_new_heap(struct envelope_root *root, const maiko_event_type *type, size_t payload_len,
                                   const struct topic *topic, const struct sender *sender)
{
    size_t sender_len = strlen(sender->name);
    struct envelope *envelope = new_block(root, type, payload_len, topic->len, sender_len);

    if (envelope != NULL)
        copy_names(envelope, topic, sender, sender_len);
    return envelope;
}

struct envelope *envelope_new_room(struct envelope_root *root, const maiko_event_type *type, size_t payload_len,
                                   const struct sender *sender)
{
    struct envelope *envelope = new_block(root, type, payload_len, MAIKO_TOPIC_MAX, strlen(sender->name));

    if (envelope != NULL)
        memset(envelope_payload(envelope), 0, type->size);
    return envelope;
}

void envelope_name_heap(struct envelope *envelope, size_t payload_len, const struct topic *topic, const struct sender *sender)
{
    if (envelope->is_foreign)
        heap_discharge(&envelope->root->heap, envelope->head.payload_len - payload_len);
    envelope->head.payload_len = payload_len;
    copy_names(envelope, topic, sender, strlen(sender->name));
}

/* Without its names. */
static struct envelope *new_foreign(struct envelope_root *root, const maiko_event_type *type, const void *payload,
                                    size_t payload_len, size_t topic_len, size_t sender_len, struct envelope_foreign foreign)
{
    struct envelope *envelope;

    if (payload_len > PAYLOAD_MAX || !heap_charge(&root->heap, payload_len))
        return NULL;
    envelope = new_block(root, type, sizeof foreign, topic_len, sender_len);
    if (envelope == NULL) {
        heap_discharge(&root->heap, payload_len);
        return NULL;
    }
    *foreign_of(envelope) = foreign;
    envelope->is_foreign = true;
    envelope->head.payload = payload;
    envelope->head.payload_len = payload_len;
    return envelope;
}

struct envelope *envelope_new_foreign(struct envelope_root *root, const maiko_event_type *type, const void *payload,
                                      size_t payload_len, const struct topic *topic, const struct sender *sender,
                                      struct envelope_foreign foreign)
{
    size_t sender_len = strlen(sender->name);
    struct envelope *envelope = new_foreign(root, type, payload, payload_len, topic->len, sender_len, foreign);

    if (envelope != NULL)
        copy_names(envelope, topic, sender, sender_len);
    return envelope;
}

struct envelope *envelope_new_foreign_room(struct envelope_root *root, const maiko_event_type *type, void *payload,
                                           size_t payload_len, const struct sender *sender, struct envelope_foreign foreign)
{
    return new_foreign(root, type, payload, payload_len, MAIKO_TOPIC_MAX, strlen(sender->name), foreign);
}

struct envelope *envelope_copy_heap(struct envelope_root *root, const struct envelope *from)
{
    struct envelope *copy = envelope_new_heap(root, from->head.type, from->head.payload_len, from->topic, from->sender);

    if (copy == NULL)
        return NULL;
    copy->hops = from->hops;
    copy->id = from->id;
    copy->parent = from->parent;
    copy->correlation = from->correlation;
    copy->time_ns = from->time_ns;
    memcpy(envelope_payload(copy), from->head.payload, from->head.payload_len);
    return copy;
}

static void give_back(struct envelope *envelope)
{
    const struct envelope_foreign *foreign = foreign_of(envelope);

    foreign->release(foreign->owner);
    heap_discharge(&envelope->root->heap, envelope->head.payload_len);
}

void envelope_ref_heap(struct envelope *envelope)
{
    /* relaxed: whoever adds a reference holds one already */
    __atomic_fetch_add(&envelope->refs, 1, __ATOMIC_RELAXED);
}

bool envelope_unref_heap(struct envelope *envelope)
{
    /* release: our reads are done before the count drops; acquire: the last one sees everybody's */
    return __atomic_sub_fetch(&envelope->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

void envelope_free_heap(struct envelope *envelope)
{
    struct envelope_root *root = envelope->root;

    if (envelope->is_foreign)
        give_back(envelope);
    heap_free(&root->heap, envelope, envelope->home_size);
    envelope_root_unref(root);
}

void envelope_destroy_heap(struct envelope *envelope)
{
    if (envelope->head.type->destroy != NULL)
        envelope->head.type->destroy((void *)(uintptr_t)envelope->head.payload);
    envelope_free_heap(envelope);
}

const char *maiko_envelope_sender(const maiko_envelope *envelope)
{
    return envelope == NULL ? "" : envelope_of(envelope)->sender->name;
}

const char *maiko_envelope_topic(const maiko_envelope *envelope)
{
    return envelope == NULL ? "" : envelope_of(envelope)->topic->name;
}

maiko_id maiko_envelope_id(const maiko_envelope *envelope)
{
    return envelope == NULL ? (maiko_id){0, 0} : envelope_of(envelope)->id;
}

maiko_id maiko_envelope_parent(const maiko_envelope *envelope)
{
    return envelope == NULL ? (maiko_id){0, 0} : envelope_of(envelope)->parent;
}

maiko_id maiko_envelope_correlation(const maiko_envelope *envelope)
{
    return envelope == NULL ? (maiko_id){0, 0} : envelope_of(envelope)->correlation;
}

uint64_t maiko_envelope_time(const maiko_envelope *envelope)
{
    return envelope == NULL ? 0 : envelope_of(envelope)->time_ns;
}
