/* The configuration file of an app.  What is taken is within the limits that the app counts on. */
#include <stdlib.h>
#include <string.h>

#include "app/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = calloc(1, len + 1);
    struct app_options options;
    char reason[256];
    struct text error;

    if (text == NULL)
        return 0;
    if (len > 0)
        memcpy(text, data, len);
    text_init_buffer(&error, reason, sizeof(reason));
    app_options_init(&options, heap_default());
    if (app_options_read_ini(&options, text, &error) != MAIKO_OK)
        require(error.len > 0);
    require(options.mailbox <= UINT32_MAX && options.window <= UINT32_MAX && options.wait_ns <= UINT64_C(1000000000000000000));
    require(!options.wants_help && !options.wants_list);
    (void)app_options_need_bridge(&options);
    app_options_deinit(&options);
    free(text);
    return 0;
}
