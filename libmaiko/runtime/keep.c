/* Keeping envelopes beyond the call that lent them. */
#include "runtime/supervisor_internal.h"

maiko_status maiko_envelope_keep(const maiko_envelope *envelope, maiko_envelope **ret_envelope)
{
    struct envelope *borrowed;
    struct envelope *kept;

    if (envelope == NULL || ret_envelope == NULL)
        return MAIKO_EINVAL;
    borrowed = envelope_of(envelope);
    kept = borrowed;
    if (borrowed->home == HOME_HEAP) {
        envelope_ref_heap(kept);
    } else {
        /* pooled envelopes are only ever seen on their shard */
        kept = shard_of_caller() == NULL ? NULL : envelope_copy_heap(shard_of_caller()->sup->root, borrowed);
        if (kept == NULL)
            return shard_of_caller() == NULL ? MAIKO_EINVAL : MAIKO_ENOMEM;
    }
    *ret_envelope = &kept->head;
    return MAIKO_OK;
}

maiko_envelope *maiko_envelope_unref(maiko_envelope *envelope)
{
    struct envelope *kept = envelope == NULL ? NULL : envelope_of(envelope);

    if (kept != NULL && kept->home == HOME_HEAP && envelope_unref_heap(kept))
        envelope_destroy_heap(kept);
    return NULL;
}
