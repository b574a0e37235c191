/* Ticket: counting, answering, waiting. */
#include "runtime/ticket.h"

#include "runtime/supervisor_internal.h"

struct ticket *ticket_new(struct heap *heap)
{
    struct ticket *ticket = heap_alloc_zeroed(heap, 1, sizeof *ticket);

    if (ticket != NULL)
        ticket->refs = 1;
    return ticket;
}

struct ticket *ticket_ref(struct ticket *ticket)
{
    /* relaxed: whoever adds a reference holds one already */
    __atomic_fetch_add(&ticket->refs, 1, __ATOMIC_RELAXED);
    return ticket;
}

void ticket_unref(struct heap *heap, struct ticket *ticket)
{
    /* release: our use of it is over before the count drops; acquire: the last one frees after everybody's */
    if (ticket != NULL && __atomic_sub_fetch(&ticket->refs, 1, __ATOMIC_ACQ_REL) == 0)
        heap_free(heap, ticket, sizeof *ticket);
}

void ticket_answer(struct maiko_supervisor *sup, struct ticket **ticket, maiko_status status)
{
    struct ticket *answered = ticket == NULL ? NULL : *ticket;

    if (answered == NULL)
        return;
    *ticket = NULL;
    pthread_mutex_lock(&sup->lock);
    if (!answered->is_answered)
        answered->status = status;
    answered->is_answered = true;
    pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
    ticket_unref(&sup->root->heap, answered);
}

void ticket_explain(struct maiko_supervisor *sup, struct ticket *ticket, const char *actor, const char *reason)
{
    struct text text;

    pthread_mutex_lock(&sup->lock);
    text_init_buffer(&text, ticket->text, sizeof ticket->text);
    text_append_format(&text, "actor '%s': %s", actor, reason);
    pthread_mutex_unlock(&sup->lock);
}

void ticket_expect(struct maiko_supervisor *sup, struct ticket *ticket)
{
    pthread_mutex_lock(&sup->lock);
    ticket->acks_missing++;
    pthread_mutex_unlock(&sup->lock);
    (void)ticket_ref(ticket);
}

void ticket_acknowledge(struct maiko_supervisor *sup, struct ticket *ticket)
{
    pthread_mutex_lock(&sup->lock);
    if (--ticket->acks_missing == 0)
        pthread_cond_broadcast(&sup->changed);
    pthread_mutex_unlock(&sup->lock);
    ticket_unref(&sup->root->heap, ticket);
}

/* What is missing once a stop has begun is of no use to anybody. */
static bool is_over(const struct maiko_supervisor *sup, const struct ticket *ticket)
{
    if (!ticket->is_answered)
        return supervisor_state(sup) == SUP_STOPPED;
    return ticket->status != MAIKO_OK || ticket->acks_missing == 0 || supervisor_state(sup) != SUP_RUNNING;
}

maiko_status ticket_wait(struct maiko_supervisor *sup, struct ticket *ticket, uint64_t deadline_ns, struct text *error)
{
    maiko_status status = MAIKO_ETIMEDOUT;
    bool in_time = true;

    pthread_mutex_lock(&sup->lock);
    while (!is_over(sup, ticket) && in_time)
        in_time = supervisor_wait_changed(sup, deadline_ns);
    if (ticket->is_answered)
        status = ticket->status;
    else if (supervisor_state(sup) == SUP_STOPPED)
        status = MAIKO_ECLOSED;
    if (ticket->is_answered && error != NULL)
        text_append(error, ticket->text);
    pthread_mutex_unlock(&sup->lock);
    ticket_unref(&sup->root->heap, ticket);
    return status;
}
