/* Shortage, see shortage.h. */
#include "lib/shortage.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/suite.h"

bool shortage_try(struct shortage *shortage)
{
    struct rlimit less;
    int fd;

    shortage->count = 0;
    if (getrlimit(RLIMIT_NOFILE, &shortage->before) != 0)
        return false;
    less = shortage->before;
    less.rlim_cur = SHORTAGE_DESCRIPTORS;
    if (setrlimit(RLIMIT_NOFILE, &less) != 0)
        return false;
    while (shortage->count < SHORTAGE_DESCRIPTORS && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        shortage->taken[shortage->count++] = fd;
    return true;
}

bool shortage_give_back(struct shortage *shortage)
{
    while (shortage->count > 0)
        close(shortage->taken[--shortage->count]);
    return setrlimit(RLIMIT_NOFILE, &shortage->before) == 0;
}

void shortage_begin(struct shortage *shortage)
{
    CU_ASSERT_TRUE_FATAL(shortage_try(shortage));
}

void shortage_end(struct shortage *shortage)
{
    CU_ASSERT_TRUE_FATAL(shortage_give_back(shortage));
}
