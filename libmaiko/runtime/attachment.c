/* Attachment: who must be gone before a supervisor is freed. */
#include "runtime/attachment.h"

#include "runtime/supervisor_internal.h"

bool maiko_supervisor_attach(maiko_supervisor *sup)
{
    if (!supervisor_is_valid(sup) || supervisor_is_forked(sup))
        return false;
    pthread_mutex_lock(&sup->lock);
    sup->attachments++;
    pthread_mutex_unlock(&sup->lock);
    return true;
}

void maiko_supervisor_detach(maiko_supervisor *sup)
{
    bool is_last;

    if (supervisor_is_forked(sup))
        return;
    pthread_mutex_lock(&sup->lock);
    is_last = --sup->attachments == 0 && sup->is_given_up;
    pthread_mutex_unlock(&sup->lock);
    if (is_last)
        supervisor_free(sup);
}

void maiko_supervisor_refuse_start(maiko_supervisor *sup, maiko_status status, const char *reason)
{
    struct text text;

    pthread_mutex_lock(&sup->lock);
    if (sup->start_refusal == MAIKO_OK) {
        sup->start_refusal = status;
        text_init_buffer(&text, sup->start_refusal_text, sizeof sup->start_refusal_text);
        text_append(&text, reason);
    }
    pthread_mutex_unlock(&sup->lock);
}

maiko_status maiko_supervisor_let_go(maiko_supervisor *sup, const char *reason)
{
    enum supervisor_state state;
    bool may_go;

    if (supervisor_is_forked(sup))
        return MAIKO_EFORKED;
    pthread_mutex_lock(&sup->lock);
    state = supervisor_state(sup);
    if (state == SUP_NEW)
        maiko_supervisor_refuse_start(sup, MAIKO_ESTATE, reason);
    may_go = state == SUP_NEW || (state == SUP_STOPPED && !sup->is_abandoned); /* a thread left behind still runs hooks */
    pthread_mutex_unlock(&sup->lock);
    return may_go ? MAIKO_OK : MAIKO_ESTATE;
}
