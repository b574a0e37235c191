/* Lists of topics for tables of actors. */
#ifndef MAIKO_TOPICS_H
#define MAIKO_TOPICS_H

#include <stddef.h>

/**
 * `MAIKO_TOPICS("a/b", "c/#")`: a pointer to an array of strings that ends with NULL.  At file scope a constant expression;
 * inside a function of a C program the array lives as long as the block it stands in.  In C++ only constants may stand in it.
 */
#ifdef __cplusplus
#define MAIKO_TOPICS(...)                                                                                                        \
    ([]() -> const char *const * {                                                                                               \
        static const char *const topics_[] = {__VA_ARGS__, NULL};                                                                \
        return topics_;                                                                                                          \
    }())
#else
#define MAIKO_TOPICS(...) ((const char *const[]){__VA_ARGS__, NULL})
#endif

#endif
