/* What comes over a control connection: the first byte says whether the rest is read as a greeting (even) or as a message about
 * shared memory (odd).  What is taken is written the same way again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "space/attach.h"
#include "space/greeting.h"
#include "space/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void read_greeting(const uint8_t *bytes, size_t len)
{
    unsigned char written[GREETING_SIZE];
    struct greeting greeting;
    struct greeting again;

    if (greeting_decode(bytes, len, &greeting) != MAIKO_OK)
        return;
    require(greeting.version > 0 && space_name_is_valid(greeting.name));
    greeting_encode(&greeting, written);
    require(greeting_decode(written, sizeof(written), &again) == MAIKO_OK);
    require(again.version == greeting.version && again.epoch == greeting.epoch && strcmp(again.name, greeting.name) == 0);
}

static void read_attach(const uint8_t *bytes, size_t len)
{
    unsigned char written[ATTACH_SIZE];
    struct attach_message message;
    struct attach_message again;

    if (attach_decode(bytes, len, &message) != MAIKO_OK)
        return;
    require(message.kind > ATTACH_NONE && message.kind <= ATTACH_TAKEN && strlen(message.reason) <= ATTACH_REASON_MAX);
    attach_encode(&message, written);
    require(attach_decode(written, sizeof(written), &again) == MAIKO_OK);
    require(again.kind == message.kind && again.link == message.link && strcmp(again.reason, message.reason) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len > 0 && data[0] % 2 == 0)
        read_greeting(data + 1, len - 1);
    else if (len > 0)
        read_attach(data + 1, len - 1);
    return 0;
}
