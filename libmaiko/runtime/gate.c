/* Gates: the records through which outside threads send. */
#include "runtime/supervisor_internal.h"

#include <string.h>

static const maiko_actor_ops gate_ops = {.handle = NULL};

/* Before start only, so no thread runs yet. */
static maiko_status fill_gate(struct maiko_supervisor *sup, struct actor *gate, struct inbox *inbox, const char *name)
{
    gate->shard = sup->shards[0];
    gate->ops = &gate_ops;
    gate->self = inbox;
    gate->is_gate = true;
    gate->tick_limit = sup->config.tick_limit;
    gate->state = ACTOR_RUNNING;
    list_init(&gate->siblings);
    mailbox_init(&gate->mailbox, 1);
    if (actor_make_block(gate, name, 0, 0) != MAIKO_OK || actor_rare(gate) == NULL ||
        shard_reserve_timers(gate->shard) != MAIKO_OK)
        return MAIKO_ENOMEM;
    gate->sender.id = inbox->next == NULL ? 0 : ++sup->next_actor_id;
    gate->counters = counters_actor_add(sup->counters, inbox->next == NULL ? UINT64_MAX : gate->sender.id, name, 0, 0);
    return gate->counters == NULL ? MAIKO_ENOMEM : MAIKO_OK;
}

maiko_status supervisor_make_gate(struct maiko_supervisor *sup, const char *name, struct inbox **ret_inbox)
{
    struct inbox *inbox = heap_alloc(&sup->root->heap, sizeof *inbox);
    struct actor *gate;
    maiko_status status;

    if (inbox == NULL)
        return MAIKO_ENOMEM;
    status = inbox_init(inbox, sup);
    gate = status == MAIKO_OK ? actor_table_take(&sup->actors) : NULL;
    if (gate == NULL) {
        inbox_deinit(inbox);
        heap_free(&sup->root->heap, inbox, sizeof *inbox);
        return status == MAIKO_OK ? MAIKO_ENOMEM : status;
    }
    inbox->gate = gate;
    inbox->next = sup->inboxes;
    inbox->next_on_shard = sup->shards[0]->gates;
    sup->inboxes = inbox;
    sup->shards[0]->gates = inbox;
    sup->inbox_count++;
    *ret_inbox = inbox;
    return fill_gate(sup, gate, inbox, name);
}

void supervisor_free_inboxes(struct maiko_supervisor *sup)
{
    while (sup->inboxes != NULL) {
        struct inbox *inbox = sup->inboxes;

        sup->inboxes = inbox->next;
        inbox_deinit(inbox);
        heap_free(&sup->root->heap, inbox, sizeof *inbox);
    }
}
