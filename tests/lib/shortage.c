/* Shortage, see shortage.h. */
#include "lib/shortage.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/suite.h"

void shortage_begin(struct shortage *shortage)
{
    struct rlimit less;
    int fd;

    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &shortage->before), 0);
    less = shortage->before;
    less.rlim_cur = SHORTAGE_DESCRIPTORS;
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &less), 0);
    shortage->count = 0;
    while (shortage->count < SHORTAGE_DESCRIPTORS && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        shortage->taken[shortage->count++] = fd;
}

void shortage_end(struct shortage *shortage)
{
    while (shortage->count > 0)
        close(shortage->taken[--shortage->count]);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &shortage->before), 0);
}
