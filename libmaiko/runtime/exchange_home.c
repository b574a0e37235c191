/* Exchange: envelopes with destructors go back to the shard that made them. */
#include "runtime/shard.h"

#include "runtime/supervisor_internal.h"

struct home_command {
    struct command command;
    struct envelope *envelope;
};

/* While the world stands still one shard's thread does the work of others. */
static bool is_visited(const struct shard *shard)
{
    return shard_of_this_thread != NULL && shard_of_this_thread != shard;
}

static void run_home(struct shard *shard, struct command *command)
{
    if (is_visited(shard) && shard_post(shard, command))
        return; /* by its own thread then, and not under the lock */
    envelope_destroy_heap(CONTAINER_OF(command, struct home_command, command)->envelope);
    heap_free(shard->heap, command, command->size);
}

bool exchange_is_home(const struct shard *shard, const struct envelope *envelope)
{
    return envelope->owner_shard == shard->index && !is_visited(shard);
}

bool exchange_send_home(struct shard *shard, struct envelope *envelope)
{
    struct home_command *told = heap_alloc_zeroed(shard->heap, 1, sizeof *told);

    if (told == NULL)
        return false;
    told->command.run = run_home;
    told->command.size = sizeof *told;
    told->envelope = envelope;
    if (envelope->owner_shard == shard->index) {
        run_home(shard, &told->command);
        return true;
    }
    if (exchange_command(shard, envelope->owner_shard, &told->command) == MAIKO_OK)
        return true;
    heap_free(shard->heap, told, sizeof *told);
    return false;
}
